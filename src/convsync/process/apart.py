"""Work in a child process, for what keeps a processor busy while another one writes.

A thread would not do: of Python's threads one computes at a time. `in_another_process` gives what
the work would have given here, in the same order, up to the same error. A little is worked ahead,
as much as a pipe holds. The other process ends with whoever wants its results: it is killed when
they are wanted no longer, and writes to nobody where this process was killed itself. It does not
heed Ctrl-C and SIGTERM, which go to all of a terminal's or a service's processes: this one decides.

What goes through the pipe is pickled. Both ends are this program, at work for the same person.
"""

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import IO, Any, TypeVar

from msgspec import Struct

from convsync.errors import TransientError

T = TypeVar("T")


def in_another_process(work: Callable[..., Iterable[T]], *given: Any) -> Generator[T, None, None]:
    """Yield what `work` yields; it and what it is given can be pickled.

    Raises what it raises, TransientError where its process is killed.
    """
    command = [sys.executable, "-P", "-m", "convsync.process.apart"]
    with subprocess.Popen(  # noqa: S603 (this program itself)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with process.stdin as asked:
                _send(asked, sys.path)
                _send(asked, (work, given))
            yield from _received(process.stdout)
        except (EOFError, pickle.UnpicklingError, BrokenPipeError):
            raise TransientError(
                f"A child process ended with status {process.wait()} before it was done. The next"
                " run resumes its work."
            ) from None
        finally:
            process.kill()


class _Ended(Struct, frozen=True):
    """The work ended, by an error or well."""

    error: Exception | None = None


def _received(results: IO[bytes]) -> Iterator[Any]:
    while True:
        found = pickle.load(results)  # noqa: S301 (our own process wrote it)
        if not isinstance(found, _Ended):
            yield found
        elif found.error is not None:
            raise found.error
        else:
            return


def _send(to: IO[bytes], what: Any) -> None:
    pickle.dump(what, to, pickle.HIGHEST_PROTOCOL)
    to.flush()


def main() -> None:
    """Do what standard input asks for, and hand the results to standard output."""
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.SIG_IGN)
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed is not for whoever reads the results
    sys.path[:] = pickle.load(sys.stdin.buffer)  # noqa: S301 (our own process wrote it)
    work, given = pickle.load(sys.stdin.buffer)  # noqa: S301 (our own process wrote it)
    ended = _Ended()
    try:
        for result in work(*given):
            _send(results, result)
    except BrokenPipeError:
        os._exit(1)  # nobody reads
    except Exception as error:  # noqa: BLE001 (raised again over there)
        error.add_note(traceback.format_exc())
        ended = _Ended(error)
    _send(results, ended)


if __name__ == "__main__":
    from convsync.process import apart  # what is pickled here is named as it is over there

    apart.main()
