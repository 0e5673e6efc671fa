"""What an opportunity of Dynamics 365 went through: its processes, the audit log, its closings.

What shapes it: won and lost are states and not stages, so they are stages of our own here, entered
when the latest activity that closed the opportunity was made; its close date is typed by people. An
opportunity that was taken up again keeps such activities, so its state decides. Its other stages
are those of business process flows, which have a table each and remember the active stage alone:
when earlier ones were entered stands in the audit log, where that table is audited.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any, Final, Literal

from convsync.errors import ConvsyncError, OperatorError, UnexpectedResponseError
from convsync.extract.dynamics_api import Api, DynamicsRecord, any_of, instant
from convsync.extract.funnel import ANY_PIPELINE, Entered, Stage, StageOutcome
from convsync.extract.malformed import OwnCalls

OPEN, WON, LOST = 0, 1, 2
STATES: Final = frozenset({OPEN, WON, LOST})
"""The states of an opportunity that is closed; an open one's is 0."""
_CLOSED: Final = {
    WON: Stage(
        stage_id="state:won",
        name="Won",
        pipeline=ANY_PIPELINE,
        position=1,
        outcome=StageOutcome.WON,
    ),
    LOST: Stage(
        stage_id="state:lost",
        name="Lost",
        pipeline=ANY_PIPELINE,
        position=2,
        outcome=StageOutcome.LOST,
    ),
}
_CANCELED: Final = 2
"""The state of a closing activity of a deal that was taken up again."""
INSTANCE: Final = "businessprocessflowinstanceid"
CloseTime = Literal["createdon", "actualend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A business process flow's table, its entity set, and its column with the deal's ID."""

    table: str
    records: str
    deal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The activities that closed a deal, each time it was, and the stages it came into, by when."""

    closings: Sequence[DynamicsRecord] = ()
    moves: Sequence[Entered] = ()
    problem: UnexpectedResponseError | None = None
    """Why it cannot be known, where that is so."""


Audited = list[Entered] | UnexpectedResponseError
"""The stages that the audit log says a process came into, or why it does not say."""


class History:
    """Reads what deals went through. `stages` is asked before anything else.

    `processes` are the tables of the business process flows to read; none named, all. `stage_order`
    names stages in the funnel's order, where their categories do not tell it. `close_time` is the
    column of the closing activity that says when: `createdon` cannot be typed, `actualend` can.
    """

    def __init__(
        self,
        api: Api,
        *,
        processes: Sequence[str] = (),
        stage_order: Sequence[str] = (),
        has_audit: bool = True,
        close_time: CloseTime = "createdon",
    ) -> None:
        self._api = api
        self._wanted = processes
        self._stage_order = [name.casefold() for name in stage_order]
        self._has_audit = has_audit
        self._close_time = close_time
        self._stages: Mapping[str, Stage] = {}
        self.processes: Sequence[Process] = ()

    def stages(self) -> Sequence[Stage]:
        """Return the stages of business process flows, and the states won and lost as two more.

        Unconfirmed: that stages of opportunities can be filtered by `primaryentitytypecode`. They
        have no order but their category (Qualify, Develop, Propose, Close).
        https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/processstage
        """
        self.processes = self._tables()
        tables = {process.table for process in self.processes}
        query = {
            "$select": "processstageid,stagename,stagecategory",
            "$expand": "processid($select=name,uniquename)",
            "$filter": "primaryentitytypecode eq 'opportunity'",
            "$orderby": "processstageid",
        }
        found = [
            Stage(
                stage_id=row["processstageid"].lower(),
                name=row["stagename"],
                pipeline=row["processid"]["name"],
                position=self._position(row),
            )
            for row in self._api.rows("processstages", query)
            if (row["processid"] or {}).get("uniquename") in tables
        ]
        self._stages = {stage.stage_id: stage for stage in (*found, *_CLOSED.values())}
        return list(self._stages.values())

    def pasts_of(self, rows: Sequence[DynamicsRecord]) -> Mapping[str, Past]:
        """Return what opportunities went through, by their IDs."""
        ids = [row["opportunityid"] for row in rows]
        closings = self._closings(
            [row["opportunityid"] for row in rows if row["statecode"] in _CLOSED]
        )
        moves, problems = self._moves(ids)
        return {
            one: Past(
                closings=closings.get(one, ()),
                moves=moves.get(one, ()),
                problem=problems.get(one),
            )
            for one in ids
        }

    def entered(self, row: DynamicsRecord, past: Past) -> Sequence[Entered]:
        """Return the stages a deal came into. Whatever came before its close was no later.

        A move that Dynamics stamps after the close, whose time people type, is dated at the close,
        and that is an estimate. A deal that was won, taken up again and won again is won since the
        last time. Raises UnexpectedResponseError where a part of its past cannot be had.
        """
        if past.problem is not None:
            raise past.problem
        state = row["statecode"]
        if state not in _CLOSED:
            return past.moves
        written = [
            close[self._close_time] or close["createdon"]
            for close in past.closings
            if close["opportunitystatecode"] in (None, state)
        ]
        closed_at = max(filter(None, map(instant, written)), default=None)
        at = closed_at or _closed_on(row)
        before = [
            replace(move, at=at, is_estimated=True) if move.at > at else move for move in past.moves
        ]
        return [*before, Entered(_CLOSED[state].stage_id, at, is_estimated=closed_at is None)]

    def names_of(self, entered: Sequence[Entered]) -> tuple[str, str]:
        """Return the names of the process and the stage that a deal is in."""
        known = [self._stages[one.stage_id] for one in entered if one.stage_id in self._stages]
        processes = [stage.pipeline for stage in known if stage.pipeline != ANY_PIPELINE]
        return processes[-1] if processes else "", known[-1].name if known else ""

    # What there is

    def _tables(self) -> Sequence[Process]:
        """Return the tables of the business process flows that opportunities go through.

        https://learn.microsoft.com/power-automate/developer/business-process-flows-code
        """
        query = {
            "$select": "LogicalName,EntitySetName",
            "$filter": "IsBPFEntity eq true",
            "$expand": "Attributes($select=LogicalName;$filter=LogicalName eq 'opportunityid'"
            " or LogicalName eq 'bpf_opportunityid')",
        }
        return [
            Process(
                table=table["LogicalName"],
                records=table["EntitySetName"],
                deal=f"_{table['Attributes'][0]['LogicalName']}_value",
            )
            for table in self._api.definitions("", query)
            if table["Attributes"] and (not self._wanted or table["LogicalName"] in self._wanted)
        ]

    def _position(self, stage: DynamicsRecord) -> int:
        name = stage["stagename"].casefold()
        if name in self._stage_order:
            return self._stage_order.index(name)
        return len(self._stage_order) + int(stage["stagecategory"] or 0)

    # What happened

    def _closings(self, deal_ids: Sequence[str]) -> Mapping[str, Sequence[DynamicsRecord]]:
        """Return the activities by which deals were closed. A canceled one closed nothing.

        https://learn.microsoft.com/dynamics365/sales/developer/entities/opportunityclose
        """
        select = (
            "activityid,createdon,actualend,opportunitystatecode,_opportunityid_value,statecode"
        )
        queries = (
            {"$select": select, "$filter": where, "$orderby": "activityid"}
            for where in any_of(("_opportunityid_value",), deal_ids)
        )
        closings: dict[str, list[DynamicsRecord]] = {}
        for row in self._api.rows_of_each("opportunitycloses", queries):
            if row.get("statecode") != _CANCELED:
                closings.setdefault(row["_opportunityid_value"], []).append(row)
        return closings

    def _moves(
        self, deal_ids: Sequence[str]
    ) -> tuple[Mapping[str, Sequence[Entered]], Mapping[str, UnexpectedResponseError]]:
        """Return the stages of processes that deals came into, by when, and whose cannot be had.

        https://learn.microsoft.com/dynamics365/sales/developer/entities/opportunitysalesprocess
        """
        columns = "createdon,traversedpath,activestagestartedon,_activestageid_value"
        moves: dict[str, list[Entered]] = {}
        problems: dict[str, UnexpectedResponseError] = {}
        own = OwnCalls()
        for process in self.processes:
            select = f"{INSTANCE},{columns},{process.deal}"
            queries = [
                {"$select": select, "$filter": where, "$orderby": INSTANCE}
                for where in any_of((process.deal,), deal_ids)
            ]
            rows = self._api.rows_of_each(process.records, queries)
            audited = self._audited(process, [row[INSTANCE] for row in rows], own)
            for row in rows:
                told = audited.get(row[INSTANCE], [])
                if isinstance(told, UnexpectedResponseError):
                    problems[row[process.deal]] = told
                    continue
                moves.setdefault(row[process.deal], []).extend(moves_of(row, told))
        in_order = {one: sorted(these, key=lambda move: move.at) for one, these in moves.items()}
        return in_order, problems

    def _audited(
        self, process: Process, ids: Sequence[str], own: OwnCalls
    ) -> "Mapping[str, Audited]":
        """Return what the audit log says of processes: which stage became active when.

        Where a row's details cannot be had for good, that is its deal's problem and no other's.
        The list says when, each row's details say what. Unconfirmed: that rows may be listed for
        several records at once, and that details name the stage `_activestageid_value`.
        https://learn.microsoft.com/power-apps/developer/data-platform/auditing/retrieve-audit-data
        """
        if not self._has_audit:
            return {}
        of_table = f"objecttypecode eq '{process.table}' and (operation eq 1 or operation eq 2)"
        queries = [
            {
                "$select": "auditid,createdon,_objectid_value",
                "$filter": f"{of_table} and ({where})",
                "$orderby": "createdon",
            }
            for where in any_of(("_objectid_value",), ids)
        ]
        rows = self._api.rows_of_each("audits", queries)
        details = self._api.bodies([_details_of(row["auditid"]) for row in rows])
        own.successes += sum(not isinstance(one, ConvsyncError) for one in details)
        entered: dict[str, Audited] = {}
        for row, answer in zip(rows, details, strict=True):
            if isinstance(answer, OperatorError):
                raise answer
            if isinstance(answer, ConvsyncError):
                entered[row["_objectid_value"]] = own.only_this_one(answer)
                continue
            of_instance = entered.setdefault(row["_objectid_value"], [])
            stage, at = _new_stage(answer), instant(row["createdon"])
            if stage and at and isinstance(of_instance, list):
                of_instance.append(Entered(stage, at))
        return entered


def moves_of(row: DynamicsRecord, audited: Sequence[Entered]) -> Iterator[Entered]:
    """Yield the stages a process came into: as audited, and as it says of itself.

    Where it is audited, the active stage that no audit tells of is estimated to have been entered
    when the process says; where it is not, that is all there is. A stage on its path that nothing
    else tells of was passed before what is known; when is an estimate. Of stages with one stamp the
    path knows the order, for audits have none.
    """
    path = [stage for stage in (row["traversedpath"] or "").lower().split(",") if stage]
    order = {stage: place for place, stage in enumerate(path)}
    known = sorted(audited, key=lambda move: (move.at, order.get(move.stage_id, -1)))
    active = (row["_activestageid_value"] or "").lower()
    started_at = instant(row["activestagestartedon"]) or instant(row["createdon"])
    if active and started_at and (not known or known[-1].stage_id != active):
        since = max(started_at, known[-1].at) if known else started_at
        known.append(Entered(active, since, is_estimated=bool(audited)))
    if known:
        first, recorded = min(move.at for move in known), {move.stage_id for move in known}
        passed = (stage for stage in path if stage not in recorded)
        yield from (Entered(stage, first, is_estimated=True) for stage in passed)
    yield from known


def _details_of(audit_id: str) -> str:
    return f"audits({audit_id})/Microsoft.Dynamics.CRM.RetrieveAuditDetails"


def _new_stage(details: Any) -> str:
    """Return the stage that a change made the active one, "" where it is about something else."""
    changed = ((details or {}).get("AuditDetail") or {}).get("NewValue") or {}
    return (changed.get("_activestageid_value") or "").lower()


def _closed_on(row: DynamicsRecord) -> datetime:
    """Return when a deal was closed that no activity tells of: on its day, in UTC, at the latest.

    Unconfirmed: that a closing activity may be missing, as after an import.
    """
    modified_at = datetime.fromisoformat(row["modifiedon"])
    if not row["actualclosedate"]:
        return modified_at
    day = datetime.fromisoformat(row["actualclosedate"]).date()
    return min(datetime.combine(day, time(23, 59, 59), UTC), modified_at)
