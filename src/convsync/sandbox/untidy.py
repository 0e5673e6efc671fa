"""What is untidy about the demo's CRM from the start, as it is in every CRM that people work in.

A few deals besides the world's: one that was won and handed over, one with a duplicate merged into
it, one that went through its stages within a second; and a request that is one too many. None of it
may change what is counted for anybody else. config/sandbox/untidy.toml says which of it happens.
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from convsync.process.guides import located
from convsync.sandbox.crm.book import CONTACT, Deal, Person, Stage
from convsync.sandbox.crm.server import Reply
from convsync.sandbox.crm.vendors import CrmOfVendor

ONBOARDING: Final = Stage(key="setup", name="Set up", position=1, pipeline="Onboarding")
_FIRST: Final = 8_000_000
"""Untidy deals are numbered from here: no world has as many."""
_A_DAY: Final = timedelta(days=1)
_A_LIMIT: Final = Reply(status=429, headers={"Retry-After": "1"}, body={})
_LIMITED: Final = 4
"""Which request from now is one too many: by then somebody looks around."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untidy:
    """What is to be untidy: each is a kind of trouble in docs/sandbox.md."""

    handed_over: bool = False
    merged: bool = False
    at_once: bool = False
    limited: bool = False


def untidy_by_default() -> Untidy:
    """Return what config/sandbox/untidy.toml says."""
    path = Path(located("config/sandbox/untidy.toml"))
    return Untidy(**tomllib.loads(path.read_text(encoding="utf-8")))


def make_untidy(crm: CrmOfVendor, what: Untidy, at: datetime) -> list[str]:
    """Let it have happened in the days before an instant; return the deals that came of it.

    A hand-over needs a second pipeline, which Salesforce and Odoo do not have.
    """
    made = []
    if what.handed_over and crm.server.has_pipelines:
        made.append(_handed_over(crm, at))
    if what.merged:
        made.append(_merged(crm, at))
    if what.at_once:
        made.append(_at_once(crm, at))
    if what.limited:
        crm.server.faults[_LIMITED] = _A_LIMIT
    return made


def _handed_over(crm: CrmOfVendor, at: datetime) -> str:
    if ONBOARDING not in crm.book.stages:
        crm.book.stages = (*crm.book.stages, ONBOARDING)
    sale = _sale(crm, 1, at, days_apart=1)
    return crm.book.move(sale, ONBOARDING.key, at - _A_DAY).deal_id


def _merged(crm: CrmOfVendor, at: datetime) -> str:
    sale = _sale(crm, 2, at, days_apart=1)
    duplicate = crm.server.record_id("deal", _FIRST + 3)
    created_at = at - 3 * _A_DAY
    people = (crm.server.record_id(CONTACT, _FIRST + 2),)
    crm.book.put(
        Deal(
            deal_id=duplicate,
            name="entered twice",
            created_at=created_at,
            modified_at=created_at,
            entered=(("mql", created_at),),
            people=people,
        )
    )
    return crm.merge(duplicate, sale, at - _A_DAY).deal_id


def _at_once(crm: CrmOfVendor, at: datetime) -> str:
    return _sale(crm, 4, at, days_apart=0)


def _sale(crm: CrmOfVendor, number: int, at: datetime, *, days_apart: int) -> str:
    """Put a deal into the CRM that was won two days before, and return its ID."""
    won_at = at - 2 * _A_DAY
    created_at = won_at - 6 * _A_DAY
    steps = enumerate(("won", "opportunity", "sql"))
    moves = [(stage, won_at - back * days_apart * _A_DAY) for back, stage in steps]
    person = crm.server.record_id(CONTACT, _FIRST + number)
    crm.book.put_person(
        Person(
            person_id=person,
            created_at=created_at,
            modified_at=created_at,
            fields={"email": f"untidy.{number}@example.org", "consent": "yes", "country": "DE"},
        )
    )
    deal_id = crm.server.record_id("deal", _FIRST + number)
    crm.book.put(
        Deal(
            deal_id=deal_id,
            name=f"untidy {number}",
            created_at=created_at,
            modified_at=won_at,
            entered=(("mql", created_at), *reversed(moves)),
            amount=Decimal(1_500),
            currency="EUR",
            people=(person,),
            fields={"gclid": f"EAIaIQobChMIx{number}fGhLoVgQMVnCwYBR0aKQ9LEAAYASAAEgKunPD_BwE"},
        )
    )
    return deal_id
