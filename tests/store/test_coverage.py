"""What became of a period's conversions, counted alike on both databases."""

from datetime import timedelta
from decimal import Decimal

from convsync.model.ledger import Side
from convsync.model.outcome import Confirmed, Reason
from convsync.model.period import Period
from convsync.store import coverage
from tests.builders import WON_AT, a_deal, usd
from tests.store.rows import (
    Passing,
    a_conversion_of,
    a_run,
    give_up,
    moved,
    plan,
    put_batch,
    reserve_step,
    save,
    settle_step,
)

MARCH = Period(since=WON_AT - timedelta(days=20), until=WON_AT + timedelta(days=20))
BEFORE = Period(since=WON_AT - timedelta(days=90), until=MARCH.since)


def counted(ledger: Passing, period: Period, *, by_segments: bool) -> set[tuple[object, ...]]:
    found = coverage.counted(ledger.connection, period, by_segments=by_segments)
    return {
        (one.side, one.segments, one.click_kind, one.reason, one.conversions, one.value)
        for one in found
    }


def test_equal_conversions_are_counted_together(passing: Passing) -> None:
    segments = {"D-1": {"region": "north"}, "D-2": {"region": "north"}, "D-3": {}, "D-4": {}}
    save(passing, *(a_deal(name, segments=of, amount=Decimal(7)) for name, of in segments.items()))
    run = a_run(passing.connection)
    plan(
        passing.connection,
        run,
        {name: a_conversion_of(name, value=usd(5)) for name in ("D-1", "D-2")},
    )
    moved(
        passing.connection,
        1,
        reserve_step(put_batch(passing.connection, run)),
        settle_step(Confirmed()),
    )
    give_up(passing.connection, run, "D-3", Reason.CLICK_OUTSIDE_LOOKBACK)
    give_up(passing.connection, run, "D-4", Reason.CLICK_OUTSIDE_LOOKBACK)

    late = Reason.CLICK_OUTSIDE_LOOKBACK
    assert counted(passing, MARCH, by_segments=False) == {
        (Side.SENT, None, "gclid", None, 1, Decimal(5)),
        (Side.WAITING, None, "gclid", None, 1, Decimal(5)),
        (Side.NOT_SENT, None, None, late, 2, Decimal(14)),
    }
    north = '{"region":"north"}'
    assert counted(passing, MARCH, by_segments=True) == {
        (Side.SENT, north, "gclid", None, 1, Decimal(5)),
        (Side.WAITING, north, "gclid", None, 1, Decimal(5)),
        (Side.NOT_SENT, None, None, late, 2, Decimal(14)),
    }
    assert [rule for _, rule in coverage.late(passing.connection, MARCH)] == ["won", "won"]
    assert counted(passing, BEFORE, by_segments=False) == set()
    assert coverage.late(passing.connection, BEFORE) == []
