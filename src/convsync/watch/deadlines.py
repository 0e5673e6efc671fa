"""What vendors switch off, and when: versions of APIs, ways to sign in; one table with its sources.

Only what a configuration uses is announced, 60, 14 and 3 days before its last day, and once it is
past. What a company alone can know, the end of a secret or a contract, is in `[alerts.expires]`;
what a sign-in says of its own end, `convsync auth` keeps.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

NOTICES: Final = (60, 14, 3)
"""So many days before its last day a deadline is announced, each time anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One table of the configuration that a deadline may concern: its place, kind and version."""

    place: str
    kind: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """What ends for tables of a kind, or of a kind and version, after its last day.

    `is_inferred` where the vendor states no day: it is then the first of the month that is stated,
    or follows from a rule.
    """

    kind: str
    what: str
    last_day: date
    fix: str
    source: str
    version: str = ""
    is_inferred: bool = False

    def concerns(self, used: Used) -> bool:
        """True where a table uses what ends."""
        return self.kind == used.kind and self.version in {"", used.version}


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A deadline that is near or past, for one table. `days` are those left, below 0 once past."""

    deadline: Deadline
    place: str
    days: int

    @property
    def notices(self) -> int:
        """Return how many of the notices have been due, and one more once it is past."""
        return sum(self.days <= notice for notice in NOTICES) + (self.days < 0)

    @property
    def text(self) -> str:
        """Return it as a sentence."""
        one = self.deadline
        word = "ended" if self.days < 0 else "ends"
        about = "about " if one.is_inferred else ""
        return f"{one.what} {word} {about}on {one.last_day:%d %B %Y}, which {self.place} uses."


def due(used: Iterable[Used], today: date) -> Iterator[Due]:
    """Yield the deadlines that have been announced by now, or should be today."""
    for table in used:
        for deadline in DEADLINES:
            days = (deadline.last_day - today) // timedelta(days=1)
            if deadline.concerns(table) and days <= NOTICES[0]:
                yield Due(deadline=deadline, place=table.place, days=days)


def _google_ads(version: str, last_day: date) -> Deadline:
    return Deadline(
        kind="google_ads",
        version=version,
        what=f"{version} of the Google Ads API",
        last_day=last_day,
        is_inferred=True,
        fix="Set the destination's api_version to a newer one.",
        source="https://developers.google.com/google-ads/api/docs/sunset-dates",
    )


def _meta(version: str, last_day: date) -> Deadline:
    return Deadline(
        kind="meta",
        version=version,
        what=f"{version} of the Graph API",
        last_day=last_day,
        fix="Set the destination's api_version to a newer one.",
        source="https://developers.facebook.com/docs/graph-api/changelog/versions/",
    )


def _linkedin(version: str, last_day: date, *, is_inferred: bool = False) -> Deadline:
    return Deadline(
        kind="linkedin",
        version=version,
        what=f"{version} of LinkedIn's Marketing API",
        last_day=last_day,
        is_inferred=is_inferred,
        fix="Set the destination's api_version to a newer one; LinkedIn has one a month.",
        source="https://learn.microsoft.com/en-us/linkedin/marketing/integrations/migrations",
    )


DEADLINES: Final[Sequence[Deadline]] = (
    _google_ads("v23", date(2027, 2, 1)),
    _google_ads("v24", date(2027, 5, 1)),
    _google_ads("v25", date(2027, 8, 1)),
    _google_ads("v26", date(2027, 11, 1)),
    _meta("v24.0", date(2028, 2, 18)),
    _meta("v25.0", date(2028, 7, 29)),
    _linkedin("202511", date(2026, 11, 16)),
    _linkedin("202601", date(2027, 1, 15)),
    _linkedin("202602", date(2027, 2, 15)),
    _linkedin("202603", date(2027, 3, 16)),
    _linkedin("202604", date(2027, 4, 15), is_inferred=True),
    _linkedin("202605", date(2027, 5, 15), is_inferred=True),
    _linkedin("202606", date(2027, 6, 15), is_inferred=True),
    _linkedin("202607", date(2027, 7, 15), is_inferred=True),
    Deadline(
        kind="hubspot",
        version="2026-03",
        what="2026-03 of HubSpot's CRM API",
        last_day=date(2027, 9, 1),
        is_inferred=True,
        fix="Set the source's api_version to a newer one; each is supported for eighteen months.",
        source="https://developers.hubspot.com/docs/api-reference/legacy/migration-guide",
    ),
    Deadline(
        kind="hubspot",
        version="2026-09",
        what="2026-09 of HubSpot's CRM API",
        last_day=date(2028, 3, 1),
        is_inferred=True,
        fix="Set the source's api_version to a newer one; each is supported for eighteen months.",
        source="https://developers.hubspot.com/docs/api-reference/legacy/migration-guide",
    ),
    Deadline(
        kind="odoo",
        version="jsonrpc",
        what="JSON-RPC of Odoo Online (21.1)",
        last_day=date(2027, 12, 1),
        is_inferred=True,
        fix='Set api = "json2" once the server is of version 19 or later.',
        source="https://github.com/odoo/documentation/blob/master/content/developer/reference/"
        "external_rpc_api.rst",
    ),
)
"""Every deadline that is known, by vendor."""

ENDED_BY_OTHERS: Final = (
    (
        "Microsoft Advertising's SOAP API (v13)",
        date(2027, 1, 31),
        "Nothing for convsync, which speaks REST; other tools of yours may not.",
        "https://learn.microsoft.com/en-us/advertising/guides/migrate-to-rest",
    ),
)
"""What ends, and what convsync does not use: told on the page alone."""
