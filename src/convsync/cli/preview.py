"""What a plan would send, shown before it goes: listed, saved to a file, and added up to ask.

The first conversions are shown as lines; as CSV or JSON all of them are, each as it is read, so
that a plan of any length is listed in little memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from convsync.cli import output
from convsync.cli.options import Format
from convsync.plain_text import several

if TYPE_CHECKING:
    from convsync.model.ledger import LedgerEntry
    from convsync.report.outgoing import Outgoing

SHOWN = 20
"""How many conversions a table shows."""


class Preview:
    """Reads what a plan would send, once, and does with each conversion all that is asked for.

    With `is_listed` it is listed: as CSV or JSON at once, as a table by `show_lines`. With `out`
    it is written there. `finality` says of a destination what cannot be undone there.
    """

    def __init__(
        self,
        form: Format,
        *,
        is_listed: bool = True,
        out: Path | None = None,
        as_of: datetime | None = None,
        finality: Mapping[str, str] | None = None,
    ) -> None:
        from convsync.report.outgoing import Outgoing

        self.outgoing: Outgoing = Outgoing()
        self._form = form
        self._is_listed = is_listed
        self._out = out
        self._as_of = as_of
        self._finality = finality or {}
        self._lines: list[str] = []

    @property
    def has_listed(self) -> bool:
        """True where all conversions have been printed on stdout by now."""
        return self._is_listed and self._form is not Format.TABLE

    def read(self, entries: "Iterator[LedgerEntry]") -> None:
        """Read all conversions of a plan."""
        passing = self._listed(self.outgoing.counting(entries))
        if self._out is None:
            for _ in passing:
                pass
            return
        from convsync.clock import system_clock
        from convsync.report import plan_file

        count = plan_file.write(self._out, passing, as_of=self._as_of or system_clock())
        output.note(
            f"{self._out} keeps {several(count, 'conversion')}. Send exactly that, and nothing"
            f" else, with `convsync run --plan {self._out}`."
        )

    def _listed(self, entries: "Iterable[LedgerEntry]") -> "Iterator[LedgerEntry]":
        from convsync.report.outgoing import COLUMNS, line_of, row_of

        if not self._is_listed:
            yield from entries
        elif self._form is Format.TABLE:
            for entry in entries:
                if len(self._lines) < SHOWN:
                    self._lines.append(line_of(entry))
                yield entry
        else:
            with output.listing(COLUMNS, self._form) as show_row:
                for entry in entries:
                    show_row(row_of(entry))
                    yield entry

    def show_lines(self, *, to_stderr: bool = False) -> None:
        """Print the first conversions as lines, how many more there are, and what is final."""
        for line in self._lines:
            typer.echo(line, err=to_stderr)
        more = self.outgoing.total - len(self._lines)
        if self._lines and more:
            typer.echo(f"and {more:,} more; --format csv lists all", err=to_stderr)
        self.warn(to_stderr=to_stderr)

    def warn(self, *, to_stderr: bool = True) -> None:
        """Say of which of these conversions the platform will take no correction."""
        for name, count in self.outgoing.count.items():
            if said := self._finality.get(name):
                what = several(count, "conversion")
                typer.echo(f"{what} to {name}: what is counted there {said}", err=to_stderr)


def question(outgoing: "Outgoing", accounts: Mapping[str, str]) -> str:
    """Return what a person is asked before anything goes: how many, worth what, and to whom."""
    parts = []
    for name, count in outgoing.count.items():
        worth = " + ".join(
            f"{amount:,.2f} {currency}"
            for currency, amount in sorted(outgoing.value.get(name, {}).items())
        )
        account = accounts.get(name, name)
        parts.append(f"{several(count, 'conversion')} worth {worth} to {account}")
    return f"Send {', '.join(parts)}?"
