"""What pages know of the company they are for: its words, its ledger, and the present."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial

from convsync import wiring
from convsync.clock import system_clock
from convsync.model.rule import ConversionRule
from convsync.model.takes import CodeMeaning
from convsync.report.explanation import Agreed
from convsync.report.formats import Formats
from convsync.settings import Settings
from convsync.store import migrate
from convsync.store.database import Database
from convsync.watch.night import Watch
from convsync.wiring.watch import watch_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A configuration as pages need it. `name` heads them; `accounts` are ad accounts' names
    by destination, and `finality` says what each cannot take back;
    `formats` is how it writes numbers and days.

    `as_of` is taken for the present, whatever the clock says; None: the present.
    """

    name: str
    zone: tzinfo | None
    formats: Formats
    database: Database
    as_of: datetime | None
    rules: Sequence[ConversionRule]
    sources: Sequence[str]
    agreed: Agreed
    watch: Watch
    meaning_of: Callable[[str, str], CodeMeaning | None]
    accounts: Mapping[str, str]
    finality: Mapping[str, str]

    @property
    def zone_or_utc(self) -> tzinfo:
        """Return the zone that its days are of."""
        return self.zone or UTC

    def now(self) -> datetime:
        """Return the present."""
        return self.as_of or system_clock()


def company_of(settings: Settings, *, as_of: datetime | None = None) -> Company:
    """Return the company of a configuration; OperatorError where its ledger is not there.

    The ledger is closed again: it opens for the first visit, if there is one.
    """
    database = wiring.database_of(settings)
    with closing(database):
        migrate.require_current(database)
    rules = wiring.rules_of(settings)
    return Company(
        name=settings.alerts.name or settings.folder.resolve().name,
        zone=settings.company.time_zone,
        formats=wiring.formats_of(settings),
        database=database,
        as_of=as_of,
        rules=rules,
        sources=list(settings.deals),
        agreed=Agreed(
            rules=rules,
            agreements=wiring.agreements_of(settings),
            funnel=wiring.funnel_of(settings),
            money=wiring.money_of(settings),
        ),
        watch=watch_of(settings),
        meaning_of=partial(wiring.explain_code, settings),
        accounts=wiring.account_names(settings),
        finality=wiring.finality_of(settings),
    )
