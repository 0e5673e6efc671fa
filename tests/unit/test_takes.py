"""What a destination takes: asked before anything is sent, and answered by codes of our own."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from convsync.model.click import ClickId, ClickIdKind
from convsync.model.money import Money
from convsync.model.statement import Operation
from convsync.model.takes import (
    CLICK_CANNOT_BE_CORRECTED,
    CLICK_NOT_TAKEN,
    CODES,
    IDENTIFIERS_NOT_TAKEN,
    NO_IDENTIFIERS_LEFT,
    OPERATION_NOT_TAKEN,
    TOO_OLD_TO_CORRECT,
    TOO_OLD_TO_COUNT,
    VALUE_NOT_TAKEN,
    Takes,
    Way,
)
from convsync.upload.google.takes import GOOGLE_ADS, data_manager
from tests.builders import NOW, SOMEBODY, a_statement

DAY = timedelta(days=1)
OLD = NOW - 54 * DAY - timedelta(seconds=1)
BY_VALUE_ZERO = data_manager(has_retractor=False)
BY_RETRACTOR = data_manager(has_retractor=True)
OTHER = Takes(
    click_ids=frozenset({ClickIdKind.MSCLKID}),
    corrections={Operation.RESTATE: [Way(within=90 * DAY)]},
    counts_within=7 * DAY,
    largest_value=Decimal(1000),
)
A_WBRAID = ClickId(ClickIdKind.WBRAID, "w")
AN_MSCLKID = ClickId(ClickIdKind.MSCLKID, "m")
NOBODY_LEFT = {"click_id": None}
SOMEBODY_ALONE = {"click_id": None, "identifiers": SOMEBODY}
COUNT, RESTATE, RETRACT = Operation.COUNT, Operation.RESTATE, Operation.RETRACT
CORRECTIONS = [RESTATE, RETRACT]


@pytest.mark.parametrize(
    ("takes", "operations", "changes", "code"),
    [
        pytest.param(GOOGLE_ADS, [*Operation], {}, None, id="what is ordinary"),
        pytest.param(GOOGLE_ADS, CORRECTIONS, {"event_at": NOW - 54 * DAY}, None, id="54 days"),
        pytest.param(GOOGLE_ADS, CORRECTIONS, {"event_at": OLD}, TOO_OLD_TO_CORRECT, id="older"),
        pytest.param(GOOGLE_ADS, [COUNT], {"event_at": OLD}, None, id="older, and counted"),
        pytest.param(
            GOOGLE_ADS, CORRECTIONS, {"click_id": A_WBRAID}, CLICK_CANNOT_BE_CORRECTED, id="wbraid"
        ),
        pytest.param(GOOGLE_ADS, [COUNT], {"click_id": A_WBRAID}, None, id="wbraid, counted"),
        pytest.param(GOOGLE_ADS, CORRECTIONS, NOBODY_LEFT, None, id="found by its order ID"),
        pytest.param(BY_VALUE_ZERO, CORRECTIONS, {"event_at": OLD}, None, id="no age is stated"),
        pytest.param(BY_VALUE_ZERO, CORRECTIONS, {"click_id": A_WBRAID}, None, id="wbraid at zero"),
        pytest.param(BY_VALUE_ZERO, CORRECTIONS, SOMEBODY_ALONE, None, id="a person is told again"),
        pytest.param(
            BY_VALUE_ZERO, CORRECTIONS, NOBODY_LEFT, NO_IDENTIFIERS_LEFT, id="consent withdrawn"
        ),
        pytest.param(BY_RETRACTOR, [RETRACT], NOBODY_LEFT, None, id="retracted by order ID"),
        pytest.param(
            BY_RETRACTOR, [RESTATE], NOBODY_LEFT, NO_IDENTIFIERS_LEFT, id="not restated by it"
        ),
        pytest.param(BY_RETRACTOR, [RETRACT], {"event_at": OLD}, None, id="too old: at zero"),
        pytest.param(
            BY_RETRACTOR,
            [RETRACT],
            {**NOBODY_LEFT, "event_at": OLD},
            NO_IDENTIFIERS_LEFT,
            id="too old, and nobody to find it by",
        ),
        pytest.param(GOOGLE_ADS, [COUNT], {"click_id": AN_MSCLKID}, CLICK_NOT_TAKEN, id="Bing's"),
        pytest.param(OTHER, [COUNT], {}, CLICK_NOT_TAKEN, id="Google's"),
        pytest.param(OTHER, [COUNT], SOMEBODY_ALONE, IDENTIFIERS_NOT_TAKEN, id="nobody's"),
        pytest.param(OTHER, [RETRACT], {"click_id": AN_MSCLKID}, OPERATION_NOT_TAKEN, id="never"),
        pytest.param(
            OTHER,
            [COUNT],
            {"click_id": AN_MSCLKID, "event_at": NOW - 8 * DAY},
            TOO_OLD_TO_COUNT,
            id="a week is over",
        ),
        pytest.param(
            OTHER,
            [COUNT, RESTATE],
            {"click_id": AN_MSCLKID, "value": Money(amount=Decimal("1000.01"), currency="EUR")},
            VALUE_NOT_TAKEN,
            id="too much",
        ),
    ],
)
def test_a_refusal_by_the_platform_is_known_beforehand(
    takes: Takes, operations: Sequence[Operation], changes: dict[str, object], code: str | None
) -> None:
    for operation in operations:
        statement = a_statement(operation=operation, **changes)  # type: ignore[arg-type]
        assert takes.refusal_of(statement, NOW) == code


def test_every_code_of_convsync_has_a_sentence() -> None:
    assert all(meaning.sentence.endswith(".") for meaning in CODES.values())


@pytest.mark.parametrize(
    ("after", "wait"),
    [
        pytest.param(timedelta(minutes=1), timedelta(minutes=30), id="the first time"),
        pytest.param(timedelta(hours=2), timedelta(hours=2), id="as long as it took"),
        pytest.param(timedelta(days=3), timedelta(hours=12), id="twice a day at least"),
    ],
)
def test_a_verdict_is_asked_for_less_and_less_often(after: timedelta, wait: timedelta) -> None:
    assert BY_VALUE_ZERO.next_poll(NOW - after, NOW) == NOW + wait
