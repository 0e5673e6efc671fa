"""What is about to go out in figures, and the nights from which the usual is learned."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from convsync.model.figures import Figures, OfRule
from convsync.model.statement import order_id_of
from convsync.store import figures, runs
from convsync.store.database import Database
from tests.builders import NOW, a_conversion, a_deal, usd
from tests.store.rows import a_run, plan, save

DAY = timedelta(days=1)


def test_the_outbox_is_added_up_by_rule_with_the_highest_value(database: Database) -> None:
    names = [f"D-{number}" for number in range(120)]
    save(database, *map(a_deal, names))
    with database.transaction("plan") as connection:
        conversions = {
            name: a_conversion(order_id_of("crm", name, "won"), value=usd(number + 1))
            for number, name in enumerate(names)
        }
        plan(connection, a_run(connection), conversions)
        found = figures.of_ready(connection, NOW, None, looked_at=130, unmatched=10)
        nothing = figures.of_ready(connection, NOW, -1, looked_at=0, unmatched=0)
    assert (found.total, found.looked_at, found.unmatched) == (120, 130, 10)
    of_rule = found.of("won")
    assert (of_rule.new, of_rule.restated, of_rule.retracted) == (120, 0, 0)
    assert (of_rule.value, of_rule.highest) == ({"USD": Decimal(7260)}, {"USD": Decimal(120)})
    some = of_rule.some["USD"]
    assert 20 <= len(some) <= 50
    assert len(set(some)) == len(some)
    assert nothing == Figures()


A_NIGHT = Figures(rules={"won": OfRule(new=3, some={"USD": (Decimal("1.50"),)})}, looked_at=4)


def a_night(
    connection: Connection, *, command: str = "run", exit_code: int = 0, days_ago: int = 1,
    uploads: int = 3, kept: Figures | None = A_NIGHT,
) -> None:  # fmt: skip
    at = NOW - DAY * days_ago
    number = runs.begin_unlocked(connection, command, as_of=at, real_now=at)
    runs.finish(
        connection,
        number,
        real_now=at,
        exit_code=exit_code,
        message="",
        uploads=uploads,
        summary={"figures": None if kept is None else figures.as_kept(kept)},
        audit_number=0,
        audit_digest=bytes(32),
    )


@pytest.mark.parametrize(
    ("night", "is_one"),
    [
        pytest.param({}, True, id="a night"),
        pytest.param({"command": "release"}, True, id="a plan that was released"),
        pytest.param({"exit_code": 1}, True, id="one with problems"),
        pytest.param({"uploads": 0, "kept": Figures()}, True, id="one with nothing to send"),
        pytest.param({"command": "backfill"}, False, id="a backfill"),
        pytest.param({"exit_code": 3}, False, id="one that was refused"),
        pytest.param({"uploads": 0}, False, id="one whose platform was away"),
        pytest.param({"kept": None}, False, id="one that was stopped before"),
        pytest.param({"days_ago": 40}, False, id="one of long ago"),
    ],
)
def test_the_usual_is_learned_from_nights_that_went_out(
    database: Database, night: dict[str, object], *, is_one: bool
) -> None:
    with database.transaction("a night") as connection:
        a_night(connection, **night)  # type: ignore[arg-type]
        found = figures.recent(connection, NOW, timedelta(days=29))
    kept = night.get("kept", A_NIGHT)
    assert [one for _, one in found] == ([kept] if is_one else [])


def test_figures_are_kept_as_json() -> None:
    assert json.loads(json.dumps(figures.as_kept(A_NIGHT)))["rules"]["won"]["some"] == {
        "USD": ["1.50"]
    }
