"""A plan in a file: what a person looked at, so that later exactly that is carried out.

Each line is JSON: a head, a line a conversion, and an end that says how many there were, so that a
file that was cut off is noticed. Of a conversion its order ID and the digest of its statement
count; what else stands there is for whoever reads it, and no click ID and no hash is among it.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from convsync.errors import OperatorError
from convsync.model.kept_plan import Kept, digest_of
from convsync.model.ledger import LedgerEntry
from convsync.model.statement import OrderId
from convsync.process.private_file import replacing
from convsync.report.outgoing import row_of

_HEAD, _END = "convsync_plan", "conversions"
_VERSION = 1


def write(path: Path, entries: Iterable[LedgerEntry], *, as_of: datetime) -> int:
    """Write a plan, in place of what the file held; return how many conversions it has.

    It appears whole or not at all, and is its owner's alone to read. Raises OperatorError where it
    cannot be written.
    """
    try:
        with replacing(path) as file:
            count = _write_lines(file, entries, as_of)
    except OSError as error:
        raise OperatorError(
            f"--out {path} cannot be written: {error.strerror}. Name a file in a folder that this"
            " user may write to and that has room."
        ) from None
    return count


def _write_lines(file: TextIO, entries: Iterable[LedgerEntry], as_of: datetime) -> int:
    count = 0
    file.write(json.dumps({_HEAD: _VERSION, "as_of": as_of.isoformat()}) + "\n")
    for entry in entries:
        count += 1
        shown = {"digest": digest_of(entry).hex(), **row_of(entry)}
        file.write(json.dumps(shown, default=str, ensure_ascii=False) + "\n")
    file.write(json.dumps({_END: count}) + "\n")
    return count


def read(path: Path) -> Iterator[Kept]:
    """Yield the conversions of a plan.

    Raises OperatorError, with the line, where it is none, was changed by hand or is cut off; and
    as nothing may go of such a plan, nothing should be done before all of it was read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            yield from _kept(path, file)
    except OSError as error:
        raise OperatorError(f"--plan {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise _no_plan(path, 1) from None


def _kept(path: Path, file: Iterable[str]) -> Iterator[Kept]:
    count, is_whole = 0, False
    for number, line in enumerate(file, start=1):
        said = _parsed(path, number, line)
        if number == 1:
            if said.get(_HEAD) != _VERSION:
                raise _no_plan(path, number)
        elif _END in said:
            is_whole = said[_END] == count
        else:
            count += 1
            yield _one(path, number, said)
    if not is_whole:
        raise OperatorError(
            f"--plan {path} is cut off, or lines of it are missing: nothing was sent. Write it"
            " again with `convsync plan --out`."
        )


def _parsed(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        raise _no_plan(path, number) from None
    if not isinstance(said, dict):
        raise _no_plan(path, number)
    return said


def _one(path: Path, number: int, said: dict[str, Any]) -> Kept:
    try:
        return Kept(OrderId(str(said["order_id"])), bytes.fromhex(said["digest"]))
    except (KeyError, TypeError, ValueError):
        raise _no_plan(path, number) from None


def _no_plan(path: Path, number: int) -> OperatorError:
    return OperatorError(
        f"--plan {path}, line {number}: this is no plan as `convsync plan --out` writes it. Nothing"
        " was sent; write it again."
    )
