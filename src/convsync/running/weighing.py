"""A plan compared with what is usual before it goes, and kept if a person has to look.

A refused plan is kept under the number of its run, conversion by conversion, so that what a person
releases is what was refused and nothing else. Who releases or forces one stands in the audit log.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from heapq import nlargest
from operator import itemgetter

from msgspec import Struct

from convsync import audit
from convsync.errors import UnsafePlanError
from convsync.model.event import Event, EventKind
from convsync.model.figures import Figures
from convsync.model.kept_plan import kept
from convsync.model.ledger import LedgerEntry
from convsync.model.outcome import Reason
from convsync.plan import PlanSummary, Step
from convsync.reading import habits
from convsync.report import outgoing
from convsync.running import guarding, renames
from convsync.running.guarding import SafetyLimits, Tonight, Usual
from convsync.store import account, figures, kept_plans, portions
from convsync.store.database import Connection
from convsync.store.portions import Portion
from convsync.store.session import Session

HEAVIEST = 10
"""So many conversions are shown that weigh most in a refused plan."""

_WITHOUT_CLICK = frozenset({Reason.NO_CLICK, Reason.WAITING_FOR_CLICK})
_REMEMBERED = timedelta(days=guarding.NIGHTS + 1)


class Attitude(StrEnum):
    """What becomes of something unusual: it is refused, let pass on a person's word, or shown."""

    REFUSE = "refuse"
    FORCE = "force"
    SHOW = "show"


class GuardTerms(Struct, frozen=True, kw_only=True):
    """What a plan is weighed by: limits, the names in the configuration, who answers for it."""

    limits: SafetyLimits
    rules: Collection[str]
    sources: Collection[str]
    by: str


class Guard:
    """Whoever doubts a run: before it stores what looks like damage, and before it sends.

    `problems` is what a preview has to show; `figures` are those of the plan, None until they were
    taken down.
    """

    def __init__(self, session: Session, terms: GuardTerms, attitude: Attitude) -> None:
        self._session = session
        self._terms = terms
        self._attitude = attitude
        self._forced: list[str] = []
        self.problems: list[str] = []
        self.figures: Figures | None = None

    def doubt(self, error: UnsafePlanError) -> None:
        """Raise the error, unless a person has forced the run or it is a preview."""
        match self._attitude:
            case Attitude.REFUSE:
                raise error
            case Attitude.FORCE:
                self._forced.append(str(error))
            case Attitude.SHOW:
                self.problems.append(str(error))

    def weigh(
        self,
        plan: PlanSummary,
        *,
        drained: Collection[str] = (),
        only: Portion = None,
        is_whole: bool = True,
    ) -> None:
        """Compare what is ready to go out, or a portion of it, with what is usual.

        `drained` are sources that gave nothing and always had. Raises UnsafePlanError where
        anything is unusual, and keeps the plan.
        """
        error: UnsafePlanError | None = None
        with self._session.transaction("weigh the plan") as connection:
            self.figures = _figures(connection, self._session, plan, only)
            found = self._findings(connection, self.figures, drained, is_whole=is_whole)
            match self._attitude:
                case Attitude.REFUSE:
                    error = self._kept(connection, found, only) if found else None
                case Attitude.FORCE:
                    self._forced += found
                    self.note_forced(connection)
                    habits.accept_rest(connection, drained)
                case Attitude.SHOW:
                    self.problems += found
        if error is not None:
            raise error

    def rows_ready(self, connection: Connection, only: Portion) -> int:
        """Return how many rows go out; where a plan was weighed, they were counted for it."""
        if self.figures is not None:
            return self.figures.total
        return account.ready(connection, self._session.now, only).total

    def note_seen(self, plan: PlanSummary, only: Portion, *, drained: Collection[str]) -> None:
        """Take down the figures of a plan that a person has seen, and what was unusual about it."""
        with self._session.transaction("add the plan up") as connection:
            self.figures = _figures(connection, self._session, plan, only)
            habits.accept_rest(connection, drained)

    def note_forced(self, connection: Connection) -> None:
        """Write down what a person has let pass, and who, unless that was done already."""
        if self._forced:
            detail = {"by": self._terms.by, "because": self._forced}
            forced = Event(EventKind.PLAN_FORCED, detail)
            now, run_id = self._session.now, self._session.run_id
            audit.record(connection, [forced], run_id=run_id, at=now)
            self._forced = []

    def _findings(
        self,
        connection: Connection,
        ready: Figures,
        drained: Collection[str],
        *,
        is_whole: bool,
    ) -> list[str]:
        now, terms = self._session.now, self._terms
        nights = figures.recent(connection, now, _REMEMBERED)
        earlier, days = guarding.days_like(now, nights, terms.limits.needed_nights)
        counted, currencies = account.counted(connection)
        tonight = Tonight(
            ready=ready,
            earlier=earlier if is_whole else Figures(),
            rules=terms.rules,
            is_whole=is_whole,
        )
        usual = Usual(days=days, counted=counted, currencies=currencies)
        return [
            *map(guarding.drained, drained),
            *guarding.findings(tonight, usual, terms.limits),
            *renames.counting_again(connection, rules=terms.rules, sources=terms.sources),
        ]

    def _kept(self, connection: Connection, found: Sequence[str], only: Portion) -> UnsafePlanError:
        """Keep a plan that a person has to look at; return the error that refuses it."""
        now, run_id = self._session.now, self._session.run_id
        heaviest = Heaviest()
        ready = heaviest.watching(portions.entries(connection, now, only))
        rows = kept_plans.keep(connection, run_id, map(kept, ready))
        refused = Event(EventKind.PLAN_REFUSED, {"because": list(found), "rows": rows})
        audit.record(connection, [refused], run_id=run_id, at=now)
        return guarding.refusal(found, run_id, heaviest.lines)


def _figures(connection: Connection, session: Session, plan: PlanSummary, only: Portion) -> Figures:
    unmatched = sum(
        count
        for (step, reason), count in plan.reasons.items()
        if reason in _WITHOUT_CLICK and step in {Step.WAIT, Step.NOT_SENT}
    )
    looked_at = plan.steps[Step.NEW] + unmatched
    now = session.now
    return figures.of_ready(connection, now, only, looked_at=looked_at, unmatched=unmatched)


class Heaviest:
    """Watches conversions pass, and remembers those that change most of what is counted."""

    def __init__(self) -> None:
        self._heaviest: list[tuple[float, str]] = []

    def watching(self, entries: Iterable[LedgerEntry]) -> Iterator[LedgerEntry]:
        """Pass entries on."""
        for entry in entries:
            self._heaviest.append((_weight(entry), outgoing.line_of(entry)))
            if len(self._heaviest) >= 100 * HEAVIEST:
                self._heaviest = nlargest(HEAVIEST, self._heaviest, key=itemgetter(0))
            yield entry

    @property
    def lines(self) -> list[str]:
        """Return the heaviest, the first one first, each as a line of the preview."""
        return [line for _, line in nlargest(HEAVIEST, self._heaviest, key=itemgetter(0))]


def _weight(entry: LedgerEntry) -> float:
    value, told = (0.0 if one is None else float(one.amount) for one in (entry.value, entry.told))
    return abs(value - told)
