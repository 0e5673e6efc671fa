"""Many reports in one commit: all that wait for the disk wait together.

A report is answered only after the transaction with it has been committed, and a commit costs the
same for one as for a thousand. So while one batch is written, the next one gathers. A database that
is busy, as it is while a night writes, is tried again until the patience is over.
"""

import asyncio
from collections.abc import Callable, Sequence

from convsync import log
from convsync.errors import ConvsyncError, TransientError
from convsync.model.collected import Report

Save = Callable[[Sequence[Report]], None]
"""Writes reports durably, all or none; raises ConvsyncError."""


class FullError(Exception):
    """So many reports wait already that another would only be late."""


class GroupCommit:
    """Writes reports, a batch at a time, while `run` runs."""

    def __init__(
        self,
        save: Save,
        *,
        batch: int = 500,
        most_waiting: int = 5_000,
        tries: int = 20,
        pause_s: float = 1,
    ) -> None:
        self._save = save
        self._batch = batch
        self._most_waiting = most_waiting
        self._tries = tries
        self._pause_s = pause_s
        self._waiting: list[tuple[Report, asyncio.Future[None]]] = []
        self._has_come = asyncio.Event()

    async def write(self, report: Report) -> None:
        """Return once the report is durably written; FullError or ConvsyncError if it is not."""
        if len(self._waiting) >= self._most_waiting:
            raise FullError
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, written))
        self._has_come.set()
        await written

    async def run(self) -> None:
        """Write what comes, until cancelled; what is being written then is finished first."""
        while True:
            await self._has_come.wait()
            batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
            if not self._waiting:
                self._has_come.clear()
            await asyncio.shield(self._settle(batch))

    async def finish(self) -> None:
        """Write all that still waits."""
        while self._waiting:
            batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
            await self._settle(batch)

    async def _settle(self, batch: Sequence[tuple[Report, asyncio.Future[None]]]) -> None:
        try:
            await self._saved([report for report, _ in batch])
        except ConvsyncError as error:
            log.error("reports could not be written", reports=len(batch), because=str(error))
            for _, written in batch:
                if not written.done():
                    written.set_exception(error)
        else:
            for _, written in batch:
                if not written.done():
                    written.set_result(None)

    async def _saved(self, reports: Sequence[Report]) -> None:
        for tries_left in reversed(range(self._tries)):
            try:
                return await asyncio.to_thread(self._save, reports)
            except TransientError:
                if not tries_left:
                    raise
            await asyncio.sleep(self._pause_s)
        return None
