"""A batch of which one part is taken and the next is not."""

from collections.abc import Callable, Sequence

import pytest

from convsync.errors import ConvsyncError, OperatorError, TransientError, UnexpectedResponseError
from convsync.model.outcome import Confirmed, Outcome, Untried
from convsync.model.statement import Batch, OrderId
from convsync.upload.parts import upload_in_parts
from tests.builders import ACTION, a_statement

BATCH = Batch(
    number=1, action=ACTION, statements=[a_statement(OrderId(f"cs-{row}")) for row in range(4)]
)
AWAY = TransientError("away")
SPENT = TransientError("enough", surely_not_taken=True)
REFUSED = OperatorError("fix it")
NONSENSE = UnexpectedResponseError("what?")


def taken(part: Batch) -> Sequence[Outcome]:
    return [Confirmed(code=statement.order_id) for statement in part.statements]


def failing(error: ConvsyncError) -> Callable[[Batch], Sequence[Outcome]]:
    def upload(_: Batch) -> Sequence[Outcome]:
        raise error

    return upload


def test_every_row_is_answered_by_the_part_it_went_in() -> None:
    outcomes = upload_in_parts(BATCH, [([3, 1], taken), ([], failing(AWAY)), ([0, 2], taken)])
    assert outcomes == [Confirmed(code=f"cs-{row}") for row in range(4)]


@pytest.mark.parametrize("error", [REFUSED, NONSENSE, SPENT])
def test_rows_the_platform_skipped_come_back_along_with_the_accepted_ones(
    error: ConvsyncError,
) -> None:
    outcomes = upload_in_parts(BATCH, [([0, 1], taken), ([2, 3], failing(error))])
    assert outcomes == [Confirmed(code="cs-0"), Confirmed(code="cs-1"), Untried(), Untried()]


@pytest.mark.parametrize("error", [REFUSED, NONSENSE, SPENT, AWAY])
def test_an_error_on_the_first_part_stops_the_batch(error: ConvsyncError) -> None:
    with pytest.raises(type(error)) as raised:
        upload_in_parts(BATCH, [([0], failing(error)), ([1, 2, 3], taken)])
    assert raised.value is error


def test_an_answer_that_was_lost_leaves_the_whole_batch_to_be_repeated() -> None:
    with pytest.raises(TransientError) as raised:
        upload_in_parts(BATCH, [([0, 1], taken), ([2, 3], failing(AWAY))])
    assert not raised.value.surely_not_taken
