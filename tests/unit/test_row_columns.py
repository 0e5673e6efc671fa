"""Ledger rows compared with what the log tells of them, column by column."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from convsync.model.click import MatchBasis
from convsync.model.record import FIELDS
from convsync.model.seal import closed
from convsync.store.column_types import bytes_of_order_id
from convsync.store.row_columns import are_as_told
from convsync.store.row_record import COLUMNS, about_in_row

SEAL, ORDER_ID = b"k" * 16, "cs-1"
AT, CLICKED = datetime(2026, 3, 2, 15, tzinfo=UTC), datetime(2026, 2, 20, 10, 0, 0, 1, tzinfo=UTC)
EXTRAS = '{"consent":["granted","unspecified"]}'
ROW = {
    "id": 7,
    "deal": 3,
    "run_id": 1,
    "order_id": bytes_of_order_id(ORDER_ID),
    "rule": "won",
    "destination": "google",
    "action_id": "333",
    "milestone": "won",
    "milestone_at": int(AT.timestamp()) * 1_000_000,
    "state": "confirmed",
    "reason": None,
    "code": None,
    "due_at": None,
    "batch_id": 5,
    "is_unsure": 0,
    "seconds_to_close": 864_000,
    "told_value": 99_500_000,
    "told_currency": "EUR",
    "operation": "count",
    "value": 99_500_000,
    "currency": "EUR",
    "event_at": int(AT.timestamp()) * 1_000_000,
    "click_kind": "gclid",
    "click_id": "G-1",
    "extras": EXTRAS,
    "basis": MatchBasis.VISITOR.value,
    "clicked_at": int(CLICKED.timestamp()) * 1_000_000 + 1,
    "is_click_estimated": 0,
    "values_version": 2,
}
TOLD = {
    "entry": 7,
    "deal": 3,
    "run_id": 1,
    "order_id": ORDER_ID,
    "rule": "won",
    "destination": "google",
    "action": "333",
    "milestone": "won",
    "milestone_at": AT.isoformat(),
    "state": "confirmed",
    "batch": 5,
    "seconds_to_close": 864_000,
    "told": "99.50",
    "told_currency": "EUR",
    "operation": "count",
    "value": "99.50",
    "currency": "EUR",
    "event_at": AT.isoformat(),
    "click": closed("click", "gclid:G-1", ORDER_ID, SEAL),
    "about": closed("about", about_in_row(EXTRAS)[0], ORDER_ID, SEAL),
    "matched_by": "visitor",
    "clicked_at": CLICKED.isoformat(),
    "values_version": 2,
}


def is_as_told(row: Mapping[str, object], told: Mapping[str, object]) -> bool:
    columns = {name: [value] for name, value in told.items()}
    return are_as_told([tuple(row[name] for name in COLUMNS)], columns, SEAL)


def test_a_row_that_matches_its_events_passes_the_comparison() -> None:
    assert is_as_told(ROW, TOLD)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_row_with_another_cell_in_any_column_is_not_as_told(column: str) -> None:
    is_text = isinstance(ROW[column], str) or column in {"reason", "code"}
    assert not is_as_told({**ROW, column: "another" if is_text else 1_234_567}, TOLD)


@pytest.mark.parametrize("column", sorted(name for name in COLUMNS if ROW[name] is not None))
def test_a_row_without_a_cell_is_not_as_told(column: str) -> None:
    if column != "is_unsure":  # where nothing is told, it is false
        assert not is_as_told({**ROW, column: None}, TOLD)


@pytest.mark.parametrize("field", sorted(FIELDS | {"deal", "order_id", "run_id"}))
def test_a_row_of_which_anything_else_is_told_is_not_as_told(field: str) -> None:
    is_number = field in {"entry", "deal", "run_id", "batch", "seconds_to_close", "values_version"}
    assert not is_as_told(ROW, {**TOLD, field: 1_234_567 if is_number else "2"})


@pytest.mark.parametrize(
    ("field", "said"), [("milestone_at", "in March"), ("told", "much"), ("value", "NaN")]
)
def test_values_that_no_log_has_are_left_to_the_detailed_comparison(field: str, said: str) -> None:
    assert not is_as_told(ROW, {**TOLD, field: said})
