"""Asks an audit log for its last 50 events by each filter, and prints the CPU milliseconds of each.

    python -m scripts.bench.filters DATABASE NAMES_AS_JSON

What is there is asked for, and what is not (a code, a rule, a kind), which is what costs most.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal

from convsync.model.event import EventKind
from convsync.model.ledger import State
from convsync.model.period import Period
from convsync.store import audit_log, audit_search, lookup
from convsync.store.audit_search import Wanted
from convsync.store.database import Connection, Database
from convsync.store.lookup import Asked
from scripts.bench.names import Filters, Names

_LAST = 50
_ROUNDS = 3


def main() -> None:
    """Measure each filter; the least of some rounds counts."""
    names = Names(**json.loads(sys.argv[2]))
    with (
        closing(Database(f"sqlite:///{sys.argv[1]}")) as database,
        database.reading() as connection,
    ):
        took = {name: _milliseconds(connection, ask) for name, ask in asked(names).items()}
        events = audit_log.last(connection).head.number
    last = took.pop("")
    print(json.dumps(asdict(Filters(events=events, last=last, by_filter=took))))


Ask = Callable[[Connection], object]


def asked(names: Names) -> Mapping[str, Ask]:
    """Return what is asked by each filter; by none under the empty name."""
    since = datetime.combine(date.fromisoformat(names.day), time_of_day(), UTC)
    day = Period(since=since, until=since + timedelta(days=1))
    value = Decimal(names.value)
    return {
        "": _events(Wanted()),
        "deal": _of(lambda connection: lookup.of_deals(connection, [names.deal])),
        "order": _of(lambda connection: lookup.of_order(connection, names.order)),
        "click": _of(lambda connection: lookup.of_click(connection, names.click)),
        "request": _of(lambda connection: lookup.of_request(connection, names.request)),
        "value": _of(lambda connection: lookup.with_amount(connection, value, value)),
        "value above": _of(lambda connection: lookup.with_amount(connection, value, None)),
        "run": _events(Wanted(run_id=names.run)),
        "day": _events(Wanted(period=day)),
        "rule": _events(Wanted(rule=names.rule)),
        "state": _events(Wanted(state=State.CONFIRMED)),
        "event": _events(Wanted(event=EventKind.PLANNED)),
        "no such code": _events(Wanted(code="NO_SUCH_CODE")),
        "no such rule": _events(Wanted(rule="no_such_rule")),
        "no such event": _events(Wanted(event=EventKind.RETRACTED)),
    }


def _events(wanted: Wanted) -> Ask:
    return lambda connection: audit_search.newest(connection, wanted, _LAST)


def _of(look_up: Callable[[Connection], Asked]) -> Ask:
    return lambda connection: audit_search.newest(connection, Wanted(), _LAST, look_up(connection))


def _milliseconds(connection: Connection, ask: Ask) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        ask(connection)
        rounds.append((time.process_time() - began) * 1_000)
    return min(rounds)


if __name__ == "__main__":
    main()
