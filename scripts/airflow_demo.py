"""A night of three small companies on Apache Airflow, with a worker killed in the middle of it.

    make airflow-demo

Airflow is real: its scheduler, its LocalExecutor, its API and its database. Each company has a
ledger of its own on one PostgreSQL server, and an account of its own at the sandbox, which answers
slowly, so that a run can be met with a request in flight. There the worker of alpha is killed, with
all that it started, as when a machine loses its power. Meanwhile gamma's plan is refused as unusual
and waits for a person. In the end every account must be right: the books agree with the ledgers,
and the audit logs verify. Then a backfill of beta is shown, approved, and sends nothing twice.

All of it listens on this machine alone. The folder demo/airflow holds it afterwards; nothing is
left running.
"""

import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

import psutil
from rich.console import Console

from scripts.airflow_serving import Airflow, postgresql, until, utc_now
from scripts.serving import sandbox
from scripts.three_companies import COMPANIES, Platform, ThreeCompanies

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "demo" / "airflow"
NIGHTS = "convsync-at-0200-Europe.Berlin"
BACKFILL = "convsync-backfill-default"
SLOW_S = 5
READS_S = 10
"""How long a person looks at a question."""
LONGEST_S = 600
"""How long any part may take before the demo gives up; alone on a machine it is a tenth."""
console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Play the night and the backfill; exit with a message where anything is not as promised."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with postgresql() as server, sandbox() as ports:
        companies = ThreeCompanies(FOLDER, server, ports)
        platform = Platform(ports["http"])
        title("Three companies, a ledger each on one PostgreSQL; gamma has four nights behind it")
        companies.found(platform)
        with Airflow(FOLDER, server.database("airflow"), companies.folder) as airflow:
            title("Airflow: API, scheduler, DAG processor; the pool of the Cloud project")
            airflow.start()
            tell(f"pools: {airflow.pools()}")
            play_the_night(airflow, companies, platform)
            prove(companies, platform)
            play_the_backfill(airflow, companies, platform)
    title("All accounts are right. What happened lies in demo/airflow")


def play_the_night(airflow: Airflow, companies: ThreeCompanies, platform: Platform) -> None:
    """Switch the nights on, kill alpha's worker, answer for gamma, and see the DAG to its end."""
    title(f"The night: {NIGHTS}")
    platform.is_slow(SLOW_S)
    run = airflow.switch_on(NIGHTS)
    tell(f"switched on, so the night that was due last begins; the platform takes {SLOW_S} s")
    holder = until("alpha has a request in flight", lambda: companies.sending("alpha"), LONGEST_S)
    killed = kill_worker(holder, airflow.scheduler_pid)
    tell(f"killed with SIGKILL in the middle of alpha's run: {', '.join(killed)}")
    tell(f"alpha's ledger says: {companies.batches('alpha')}")
    until("gamma's plan waits for a person", lambda: airflow.asks(run, "gamma.question"), LONGEST_S)
    tell(f"asked: {airflow.asks(run, 'gamma.question')}")
    state = approved(airflow, run, "gamma.question")
    for task, state_of_task, tries in airflow.tasks(run):
        tell(f"  {task:<16}{state_of_task:<10}tries {tries}")
    require(state == "success", f"the DAG run ended in {state}; the logs lie in {FOLDER}/home/logs")
    tries_of = {task: tries for task, _, tries in airflow.tasks(run)}
    require(tries_of["alpha.run"] > 1, "alpha's run was not tried again")


def approved(airflow: Airflow, run: str, task: str) -> str:
    """Approve what a task asks, and return the state in which the DAG run ends.

    Airflow may lose an answer that comes within seconds of the question, and asks again.
    """

    def go_on() -> str:
        if airflow.asks(run, task):
            airflow.answer(run, task, "Approve")
        return airflow.ended(run)

    sleep(READS_S)
    tell("approved, as a person does it under Required Actions")
    return until("the DAG run has ended", go_on, LONGEST_S)


def kill_worker(holder: int, scheduler: int) -> list[str]:
    """Kill a convsync process and everything between it and the scheduler; return what it was."""
    process = psutil.Process(holder)
    above = [each for each in process.parents() if each.pid != scheduler]
    ours = [each for each in above if scheduler in {parent.pid for parent in each.parents()}]
    names = [f"{' '.join(each.cmdline())[:60]} ({each.pid})" for each in [process, *ours]]
    for each in [*reversed(ours), process]:
        each.kill()
    return names


def prove(companies: ThreeCompanies, platform: Platform) -> None:
    """Compare what the platform counts with what each ledger says, and verify each audit log."""
    title("Every account, by the platform's own books and by the ledger")
    books = platform.books()
    for name in COMPANIES:
        counted = books.get(companies.page(name), {})
        ledger = companies.ledger(name)
        require(bool(ledger), f"{name} has sent nothing")
        require(
            {order_id: value for order_id, (value, _) in counted.items()} == ledger,
            f"the books of {name} differ from its ledger",
        )
        twice = sum(1 for _, sent in counted.values() if sent > 1)
        worth = f"{sum(ledger.values()):,.2f} EUR"
        tell(f"{name}: {len(ledger)} conversions worth {worth} in both, {twice} of them sent twice")
        tell("  " + companies.typed(name, "audit", "verify").splitlines()[0])


def play_the_backfill(airflow: Airflow, companies: ThreeCompanies, platform: Platform) -> None:
    """Backfill beta in chunks; what was sent before is not counted again."""
    title(f"A backfill of beta in chunks: {BACKFILL}")
    before = platform.books()[companies.page("beta")]
    today = utc_now().date()
    run = airflow.trigger(BACKFILL, backfill_of("beta", today - timedelta(days=40), today))
    until("the previews are there", lambda: airflow.asks(run, "question"), LONGEST_S)
    tell(f"asked: {airflow.asks(run, 'question')}")
    state = approved(airflow, run, "question")
    for task, state_of_task, tries in airflow.tasks(run):
        tell(f"  {task:<16}{state_of_task:<10}tries {tries}")
    require(state == "success", f"the backfill ended in {state}")
    after = platform.books()[companies.page("beta")]
    require(after == before, "the backfill changed what is counted")
    companies.typed("beta", "audit", "verify")
    tell(f"beta: still {len(after)} conversions, none sent again")


def backfill_of(company: str, first: date, last: date) -> Mapping[str, Any]:
    """Return what a backfill is started with."""
    return {"company": company, "first": str(first), "last": str(last), "chunk_days": 14}


def require(is_right: bool, otherwise: str) -> None:
    """End the demo where something is not as it must be."""
    if not is_right:
        sys.exit(f"airflow-demo: {otherwise}")


def title(text: str) -> None:
    """Print a heading, with the time."""
    console.print(f"\n[bold]{datetime.now(UTC):%H:%M:%S}  {text}[/]")


def tell(text: str) -> None:
    """Print a line of the story."""
    console.print(text, markup=False)


if __name__ == "__main__":
    main()
