"""An entry as events give it: read as one object, and by mappings, it is the same."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import Decoder, encode

from convsync.model.event import EventKind
from convsync.model.record import FIELDS, TOLD_AS_STATED
from convsync.model.replay import Recorded, after, together

_PLANNED = st.dictionaries(
    st.sampled_from([*sorted(FIELDS), "step"]), st.none() | st.text(max_size=3) | st.integers(0, 9)
)
_OF_MANY = st.dictionaries(
    st.sampled_from([*sorted(FIELDS), "of_batch"]), st.none() | st.text(max_size=3)
)


def test_every_field_that_events_record_has_its_place() -> None:
    assert set(Recorded.__struct_fields__) == FIELDS | {"run_id", "order_id"}


@given(_PLANNED, st.lists(st.tuples(_OF_MANY, st.booleans()), max_size=3))
def test_one_event_for_many_entries_changes_each_as_its_own_event_would(
    planned: dict[str, Any], common: list[tuple[dict[str, Any], bool]]
) -> None:
    changes = [
        (number, EventKind.CONFIRMED.value, {**detail, **(TOLD_AS_STATED if counts else {})})
        for number, (detail, counts) in enumerate(common, start=2)
    ]
    alike = together(changes)
    if alike is None:
        return
    entry = Decoder(Recorded).decode(encode(planned))
    alike.apply(entry)
    assert entry.as_record() == after([(1, EventKind.PLANNED.value, planned), *changes])


def test_a_new_name_for_a_rule_depends_on_the_entry() -> None:
    assert together([(2, EventKind.RULE_MOVED.value, {"from": "won", "to": "sale"})]) is None
