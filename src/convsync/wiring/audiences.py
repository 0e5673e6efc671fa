"""Settings → the audiences that are kept as lists."""

from collections.abc import Sequence
from datetime import timedelta

from convsync.model.audience import Audience, Condition
from convsync.settings import Settings
from convsync.settings.audience_checks import destination_of, display_name_of
from convsync.settings.audience_tables import AudienceTable
from convsync.wiring.rules import funnel_of


def audiences_of(settings: Settings) -> Sequence[Audience]:
    """Return the audiences in the file's order."""
    funnel = tuple(funnel_of(settings))
    return [_audience(name, table, settings, funnel) for name, table in settings.audiences.items()]


def _audience(
    name: str, table: AudienceTable, settings: Settings, funnel: tuple[str, ...]
) -> Audience:
    destination = destination_of(table, settings)
    assert destination is not None, "settings see to that"
    return Audience(
        name=name,
        destination=destination,
        condition=_condition(table, funnel),
        display_name=display_name_of(name, table),
        definition=table.definition,
        but_not=table.but_not,
        membership_days=table.membership_days,
    )


def _condition(table: AudienceTable, funnel: tuple[str, ...]) -> Condition:
    return Condition(
        states=frozenset(table.state),
        stages=frozenset(table.stage),
        reached=frozenset(table.reached),
        not_reached=frozenset(table.not_reached),
        when={segment: frozenset(values) for segment, values in table.when.items()},
        since=_days(table.since_days),
        until=_days(table.until_days),
        untouched=_days(table.untouched_days),
        amount_at_least=table.amount_at_least,
        currency=table.currency,
        score_at_least=table.score_at_least,
        score_below=table.score_below,
        funnel=funnel,
    )


def _days(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
