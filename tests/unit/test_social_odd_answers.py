"""Answers of Meta and LinkedIn as nobody should write them: each is read, or reported."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convsync.errors import ConvsyncError
from convsync.http import Answer
from convsync.upload.linkedin import answers as linkedin
from convsync.upload.meta import answers as meta
from tests.builders import NOW, a_statement
from tests.contract.destination_suite import a_batch

ROWS = 3
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
STATUSES = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 426, 429, 500, 503])
META_BODIES = st.fixed_dictionaries(
    {},
    optional={
        "events_received": JSON,
        "messages": JSON,
        "error": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "code": JSON | st.sampled_from([1, 4, 100, 190, 200, 368, 80004]),
                "error_subcode": JSON | st.sampled_from([33, 2804003]),
                "is_transient": JSON,
                "fbtrace_id": JSON,
            },
        ),
    },
)
SENTENCES = st.text(max_size=40) | st.sampled_from(
    [
        "Conversion time should be within 90 days, indices [0, 2] (0-indexed).",
        "Conversion time should be within 90 days, indices [, 9999999999, x] (0-indexed).",
        "Index: 1, ERROR :: /user :: no\nERROR :: /x ::\nIndex: 99999999999999, ERROR :: ",
        "ERROR :: ERROR :: Index: , ERROR",
        "Conversion's method should be CONVERSIONS_API, indices [",
    ]
)
LINKEDIN_BODIES = st.fixed_dictionaries(
    {},
    optional={
        "elements": JSON | st.lists(JSON | st.just({"status": 201}), min_size=ROWS, max_size=ROWS),
        "message": JSON | SENTENCES,
        "code": JSON,
        "serviceErrorCode": JSON | st.sampled_from([65600, 65601]),
    },
)
USAGE = st.text(max_size=30) | st.sampled_from(
    [
        '{"1": [{"estimated_time_to_regain_access": "soon"}]}',
        '{"1": [{"estimated_time_to_regain_access": [5]}, {"estimated_time_to_regain_access": 5}]}',
        '{"1": "x"}',
        "[]",
    ]
)


def read(outcomes_of: Any, status: int, body: Any, headers: dict[str, str]) -> None:
    answer = Answer(place="odd", status=status, headers=headers, body=body, sent_at=NOW)
    batch = a_batch(*[a_statement()] * ROWS)
    with suppress(ConvsyncError):
        assert len(outcomes_of(answer, batch, NOW, destination="odd")) == ROWS


@given(status=STATUSES, body=JSON | META_BODIES, usage=USAGE)
@example(status=200, body={"events_received": True, "messages": []}, usage="")
def test_any_answer_of_meta_is_read_or_reported(status: int, body: Any, usage: str) -> None:
    read(meta.outcomes_of, status, body, {"x-business-use-case-usage": usage})


@given(status=STATUSES, body=JSON | LINKEDIN_BODIES)
def test_any_answer_of_linkedin_is_read_or_reported(status: int, body: Any) -> None:
    read(linkedin.outcomes_of, status, body, {})


def test_a_truth_value_is_no_number_of_events() -> None:
    answer = Answer(
        place="odd",
        status=200,
        headers={},
        body={"events_received": True, "messages": []},
        sent_at=NOW,
    )
    with pytest.raises(ConvsyncError):
        meta.outcomes_of(answer, a_batch(a_statement()), NOW, destination="odd")
