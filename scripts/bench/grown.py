"""A company years later, with its ledger on both databases: grown once, and kept where one says so.

Its first night and its verdicts are the product's own, the years those of `bench.years`, and its
ledger on PostgreSQL a copy by `bench.loading`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scripts.bench.company import Company
from scripts.bench.measuring import Measuring
from scripts.bench.postgres import postgres
from scripts.bench.processes import by_module, measured
from scripts.bench.rows import Rows

_YEARS, _SERVER, _LEDGER = "years", "postgresql", "years"


def on_sqlite(run: Measuring) -> Company:
    """Return the company whose ledger is in the folder; grown, where there is none."""
    folder = _folder(run)
    rows = Rows(run.folder / f"rows-{run.deals}", run.deals, 2 * run.hundred)
    if not folder.exists():
        shutil.move(run.aged().folder, folder)
    return Company(folder, rows, run.platform)


@contextmanager
def on_postgresql(run: Measuring) -> Iterator[Company]:
    """Yield the same company, with a copy of its ledger as it was when that was first copied.

    It has a folder of its own, for the head of its audit log.
    """
    company, folder = on_sqlite(run), run.folder / f"{_YEARS}-{run.deals}-{_SERVER}"
    with postgres(run.folder / f"{_SERVER}-{run.deals}") as server:
        url, is_new = server.lasting(_LEDGER)
        if is_new:
            with server.waiting_for_no_disk():
                measured(by_module("loading", company.database, url))
            shutil.copytree(company.folder, folder, ignore=shutil.ignore_patterns("convsync.db*"))
        yield replace(company, folder=folder, url=url)


def _folder(run: Measuring) -> Path:
    return run.folder / f"{_YEARS}-{run.deals}"
