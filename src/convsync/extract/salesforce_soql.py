"""The parts that queries in SOQL are made of."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from convsync.extract.mapping import CONTACT, DEAL, LEAD
from convsync.model.period import Period

_FIRST = datetime(1999, 1, 1, tzinfo=UTC)
"""Before Salesforce there was nothing; SOQL knows no year 1."""

RECORDS: Final = {DEAL: "Opportunity", CONTACT: "Contact", LEAD: "Lead"}
"""What Salesforce calls each kind of record."""


def select(names: Iterable[str], records: str) -> str:
    """Return the head of a query; a field must not be named twice."""
    return f"SELECT {', '.join(dict.fromkeys(names))} FROM {records}"  # noqa: S608 - SOQL, our words


def within(name: str, period: Period) -> str:
    """Return what a stamp in a period fulfils. Salesforce's stamps are whole seconds.

    https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select-dateformats.html
    """
    since = max(period.since, _FIRST)
    until = period.until + timedelta(seconds=1, microseconds=-1)
    return f"{name} >= {since:%Y-%m-%dT%H:%M:%SZ} AND {name} < {until:%Y-%m-%dT%H:%M:%SZ}"


def on_days_of(name: str, period: Period) -> str:
    """Return what a date in a period fulfils, in whatever time zone the period is."""
    first = period.since.date() - timedelta(days=1)
    return f"{name} >= {first} AND {name} <= {period.until.date() + timedelta(days=1)}"
