"""Names that changed in the configuration, carried over into the ledger without counting again.

A conversion is named after its rule and source, so a rule under a new name would count every deal a
second time. `[moved]` says that a name changed. A change that is not named there, but looks
like one, is refused before anything is kept under the new name: otherwise `[moved]` would come too
late. Order IDs stay what they were: the platform knows the conversions by them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from convsync import audit
from convsync.errors import OperatorError, UnsafePlanError
from convsync.model.event import Event, EventKind
from convsync.model.rule import ConversionRule
from convsync.model.terms import Moved
from convsync.store import retired
from convsync.store.database import Connection

Doubt = Callable[[UnsafePlanError], None]
"""Raises the error, or lets it pass where a person has confirmed it."""


def carry_over(connection: Connection, moved: Moved, *, run_id: int, at: datetime) -> None:
    """Rename what is kept under old names, once.

    Raises OperatorError where a deal has conversions under both names: then it was counted twice.
    """
    kinds = (
        ("rules", moved.rules, retired.move_rule, EventKind.RULE_MOVED),
        ("sources", moved.sources, retired.move_source, EventKind.SOURCE_MOVED),
    )
    events = []
    for kind, names, move, event in kinds:
        for before, now in names.items():
            renamed, in_the_way = move(connection, before, now)
            if in_the_way:
                raise OperatorError(
                    f"[moved] says that {kind}.{before} is {kind}.{now} now, but {in_the_way:,} "
                    "deals have conversions under both names. Remove the line from [moved]; "
                    f"`convsync status` lists what counts under {before}."
                )
            if renamed:
                events.append(Event(event, {"from": before, "to": now, "renamed": renamed}))
    if events:
        audit.record(connection, events, run_id=run_id, at=at)


def doubt_new_rules(connection: Connection, rules: Sequence[ConversionRule], doubt: Doubt) -> None:
    """Doubt a new rule that would count what counts already under a removed one.

    It is found before anything is planned, so that `[moved]` finds nothing under the new name.
    """
    if found := retired.renamed_rules(connection, rules):
        doubt(_look_renamed(found, _SAME_ACTION))


def doubt_new_deals(
    connection: Connection,
    new: Mapping[str, Sequence[str]],
    *,
    sources: Collection[str],
    doubt: Doubt,
) -> None:
    """Doubt deals that are new to a source and were known from a removed one.

    `new` are their IDs by source. It is found within the transaction that stores them, which is
    undone, so that `[moved]` finds nothing under the new name.
    """
    if found := retired.renamed_sources(connection, new, sources=sources):
        doubt(_look_renamed(found, _SAME_DEALS))


def counting_again(
    connection: Connection, *, rules: Collection[str], sources: Collection[str]
) -> list[str]:
    """Return a sentence where what is planned counts already under a name that is gone."""
    found = retired.renames_in_plan(connection, rules=rules, sources=sources)
    if not found:
        return []
    said = _said(found, _SAME_CONVERSIONS)
    return [f"{said}; if it was renamed, write under [moved]: {_lines(found)}"]


_SAME_ACTION = (
    "{count:,} conversions count under {kind}.{before}, which is no longer in the configuration; "
    "{kind}.{now} is new, and would count them again under the same conversion action"
)
_SAME_DEALS = (
    "{count:,} deals of {kind}.{now} have the IDs of deals of {kind}.{before}, which is no longer "
    "in the configuration, and whose conversions still count"
)
_SAME_CONVERSIONS = (
    "{count:,} conversions planned for {kind}.{now} count already under {kind}.{before}, which is "
    "no longer in the configuration"
)


def _look_renamed(found: Sequence[retired.LooksRenamed], sentence: str) -> UnsafePlanError:
    return UnsafePlanError(
        f"{_said(found, sentence)}. Nothing was sent. If it was renamed, write under [moved]: "
        f"{_lines(found)}. If it should count a second time, use --force to send anyway."
    )


def _said(found: Sequence[retired.LooksRenamed], sentence: str) -> str:
    return "; ".join(sentence.format(**asdict(one)) for one in found)


def _lines(found: Sequence[retired.LooksRenamed]) -> str:
    return ", ".join(f'"{one.kind}.{one.before}" = "{one.kind}.{one.now}"' for one in found)
