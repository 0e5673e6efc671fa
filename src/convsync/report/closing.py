"""How a run ended, in one line that people read and machines match.

    OK run 12: sent 34, confirmed 20 · waiting 0 · not sent 7 · 1,234.50 EUR · head 1234:ab12…

`OK`: all is done. `WAITING`: all is well, and some wait for a date, a click or a verdict. `LOOK`:
the run came to its end, and left something that a person should look at. `FAILED`: it was stopped,
or did not even begin. The head is that of the audit log: whoever keeps the line can prove
later that the log is a continuation of what it was.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from convsync.model.chain import Head
from convsync.sending.settling import Uploaded


class Ending(StrEnum):
    """How a run ended, as the first word of its last line."""

    OK = "OK"
    WAITING = "WAITING"
    LOOK = "LOOK"
    FAILED = "FAILED"


class Closing(Struct, frozen=True, kw_only=True):
    """What stands in a run's last line. `counts` are rows by what became of them.

    `value` is what was sent to the platforms in this run, by currency; `run_id` and `head` are None
    where the run did not begin. `platforms` is what each destination made of it, in words, where
    there are several.
    """

    ending: Ending
    run_id: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    value: Mapping[str, Decimal] = field(default_factory=dict)
    head: Head | None = None
    platforms: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        name = "" if self.run_id is None else f" run {self.run_id}"
        parts = [
            ", ".join(f"{what.replace('_', ' ')} {count:,}" for what, count in self.counts.items()),
            *(f"{amount:,.2f} {currency}" for currency, amount in sorted(self.value.items())),
            "" if self.head is None else f"head {self.head}",
        ]
        text = " · ".join(part for part in parts if part)
        return f"{self.ending}{name}" + (f": {text}" if text else "")

    def as_json(self) -> dict[str, Any]:
        """Return the same for `--format json`."""
        return {
            "ending": self.ending.value,
            "run": self.run_id,
            "counts": dict(self.counts),
            "value": {currency: str(amount) for currency, amount in sorted(self.value.items())},
            "head": None if self.head is None else str(self.head),
            **({"platforms": dict(self.platforms)} if self.platforms else {}),
        }


def platform_lines(names: Iterable[str], uploaded: Uploaded) -> dict[str, str]:
    """Return what each of several destinations made of a run; of a single one nothing is said."""
    wanted = sorted({*names, *uploaded.of})
    if len(wanted) < 2:
        return {}
    return {name: _made_of(uploaded, name) for name in wanted}


def _made_of(uploaded: Uploaded, name: str) -> str:
    counts = sorted(uploaded.of.get(name, {}).items())
    told = ", ".join(f"{kind.value} {rows:,}" for kind, rows in counts if rows)
    why = uploaded.shut.get(name)
    stopped = f"stopped: {why}" if why else ""
    return "; ".join(part for part in (told, stopped) if part) or "nothing to send"


def ending_of(exit_code: int, *, waiting: int, is_at_its_end: bool) -> Ending:
    """Return how a run ended, by its exit code and by what it left to wait."""
    if not is_at_its_end:
        return Ending.FAILED
    if exit_code:
        return Ending.LOOK
    return Ending.WAITING if waiting else Ending.OK
