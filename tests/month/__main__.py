"""Thirty nights in which everything goes wrong, on either database: `make night SEED=1 DAYS=30`.

Each night has edits in the CRM, a wrong setting, a run that is killed, and a fault of the platform.
Every morning is checked: who was told of what, the closing line, the sum, the chain, the books. At
the end stands what `convsync runs` tells of the month, and what was not as it should be.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import psycopg

from convsync.sandbox.server import Sandbox
from tests.fakes.databases import postgresql
from tests.month.play import Month
from tests.month.script import script_of
from tests.nights.company import A_FILE, folder_in_memory


@contextmanager
def _file() -> Iterator[str]:
    yield A_FILE


@contextmanager
def _server() -> Iterator[str]:
    with postgresql() as database:
        with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # no night cuts the power
            connection.execute("SELECT pg_reload_conf()")
        yield database.url


LEDGERS: Mapping[str, Callable[[], AbstractContextManager[str]]] = {
    "sqlite": _file,
    "postgresql": _server,
}


def main(seed: int, nights: int, kinds: str) -> int:
    """Play the month on each kind of database, and print it; return the exit code."""
    wrong = 0
    for kind in kinds.split(","):
        sys.stdout.write(f"{nights} nights on {kind}, seed {seed}\n")
        script = script_of(seed, nights)
        with (
            LEDGERS[kind]() as ledger,
            Sandbox() as sandbox,
            folder_in_memory() as folder,
            Month.begun(folder, sandbox, ledger, script[0]) as month,
        ):
            for night in script:
                month.plays(night)
                sys.stdout.write(f"{month.line_of(night)}\n")
                sys.stdout.flush()
            month.ends()
            sys.stdout.write(month.story())
        wrong += len(month.wrong)
        sys.stdout.write("".join(f"WRONG {line}\n" for line in month.wrong))
    sys.stdout.write("All is as it should be.\n" if not wrong else f"{wrong} WRONG\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
