"""What Odoo's records say, in the words of the other CRMs: values, and the stages of a lead."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from convsync.extract.crm_adapter import instant
from convsync.extract.funnel import Entered, Stage, StageOutcome

OdooRecord = dict[str, Any]
LOST: Final = Stage(
    stage_id="lost", name="Lost", pipeline="CRM", position=10**6, outcome=StageOutcome.LOST
)
LOST_REASONS: Final = ("lost_reason_id", "lost_reason")
"""Why a lead was lost, from Odoo 16 on and before."""
_PEOPLE: Final = frozenset({"res.partner", "res.users"})


class TrackedChange(NamedTuple):
    """A tracked change: of the stage, from ID to ID, or of being there, from 1 to 0 and back."""

    at: datetime
    field: str
    old: int
    new: int


class Told(NamedTuple):
    """The changes that messages tell of a lead, and those of leads that were merged into it."""

    own: Sequence[TrackedChange] = ()
    given: Sequence[TrackedChange] = ()


_AT_ONCE: Final = timedelta(minutes=1)
"""How far the stamps of one transaction may lie apart."""


def stages_entered(
    record: OdooRecord,
    changes: Sequence[TrackedChange],
    *,
    is_tracked: bool = True,
    won: Container[int] = (),
) -> list[Entered]:
    """Return the stages a lead came into, lost among them, and the one it is in now as the last.

    `won` are the IDs of the stages that count as won.

    The stage it was created in leaves no change, and 0 is no stage. Where none leads to the present
    stage, because it was imported, or moved while nothing was tracked, the lead's own stamps say
    since when; where changes are tracked, that is an estimate.
    """
    created_at, stage = instant_of(record["create_date"]), key_of(record["stage_id"])
    if created_at is None or not stage:
        return []
    known = [one for one in changes if one.field != "stage_id" or one.new]
    moves = [one for one in known if one.field == "stage_id"]
    began_in = moves[0].old if moves else 0
    entered = [Entered(str(began_in), created_at)] if began_in else []
    now_in = began_in if moves else stage
    for change in known:
        if change.field == "stage_id":
            now_in = change.new
        is_lost = change.field == "active" and not change.new
        if is_lost or now_in:
            entered.append(Entered(LOST.stage_id if is_lost else str(now_in), change.at))
    if not moves or now_in != stage:
        moved_at = instant_of(record["date_last_stage_update"]) or created_at
        has_moved = bool(moves) or moved_at - created_at > _AT_ONCE
        since = Entered(str(stage), moved_at, is_estimated=is_tracked and has_moved)
        entered = sorted([*entered, since], key=lambda one: one.at)
    last = entered[-1]
    is_lost = _is_lost(record, is_won=stage in won)
    if is_lost and last.stage_id != LOST.stage_id:
        lost_at = instant_of(record["date_closed"]) or instant_of(record["write_date"]) or last.at
        entered.append(Entered(LOST.stage_id, max(lost_at, last.at), is_estimated=True))
    elif not is_lost and last.stage_id != str(stage):
        entered.append(Entered(str(stage), last.at, is_estimated=True))
    return entered


def _is_lost(record: OdooRecord, *, is_won: bool) -> bool:
    """Return whether a lead is lost: archived without a chance.

    Archiving takes the chance of a won lead, too. It was only put away, unless a reason for the
    loss was given. https://github.com/odoo/odoo/pull/194654
    """
    is_archived = not record["active"] and not record["probability"]
    return is_archived and (not is_won or any(record.get(name) for name in LOST_REASONS))


def cell_of(described: Mapping[str, Any], value: Any) -> Any:
    """Return a value as a cell: `false` is nothing but in a boolean, a moment states its zone.

    A relation is the name of what it leads to, but of a person the ID.
    """
    kind = described.get("type")
    if value is False and kind != "boolean":
        return None
    match kind:
        case "many2one":
            return key_of(value) if described.get("relation") in _PEOPLE else name_of(value)
        case "one2many" | "many2many":
            return ";".join(map(str, value))
        case "datetime":
            at = instant_of(value)
            return at and at.isoformat()
    return value


def instant_of(value: Any) -> datetime | None:
    """Return an instant, which is text in UTC without a zone; none for Odoo's `false`."""
    return instant(value or None)


def key_of(value: Any) -> Any:
    """Return the ID of a many-to-one value, which is a pair; any other value as it is."""
    return value[0] if isinstance(value, list) else value


def name_of(value: Any) -> str:
    """Return the display name of a many-to-one value, "" for none."""
    return str(value[1]) if value else ""
