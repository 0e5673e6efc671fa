"""What a platform's code asks for: six classes, whichever platform and spelling it has.

The tables themselves, in each vendor's own spelling, are in the `*_codes` modules. A code that
stands in none is kept as it came, and its row is put off for a day: a vendor adds codes with every
release, and none of them may lose a conversion.

Refused for the account is not refused for ever: what a person can put right in the account (terms,
a wrong action, a variable that is off) blocks its rows, which are good as they are, and go out once
it is right. Only what nothing at all gets past stops a run.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from convsync.errors import OperatorError
from convsync.model.outcome import Blocked, Confirmed, Deferred, NotMatched, Outcome, Rejected
from convsync.model.statement import Batch, Statement
from convsync.model.takes import CODES, CodeMeaning


class Class(IntEnum):
    """What to do about a code; of several on one row the highest is what counts."""

    COUNTED = 1
    WAIT = 2
    UNKNOWN_CLICK = 3
    BLOCKED = 4
    ROW = 5
    STOP = 6


class Concern(StrEnum):
    """Which rows of a request a blocking code is about: those that it names, or all of a sort."""

    NAMED = "named"
    ALL = "all"
    IDENTIFIERS = "identifiers"
    VARIABLES = "variables"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A class, a sentence that says what happened, and a fix ("" where there is none).

    `wait` is how long to wait, for WAIT alone; with `is_once` waiting helps once at most. `concern`
    is for BLOCKED, `is_by_our_key` for COUNTED: whether the code names a key of ours.
    """

    what: Class
    sentence: str = ""
    fix: str = ""
    wait: timedelta = timedelta(0)
    is_once: bool = False
    is_unknown: bool = False
    is_by_our_key: bool = True
    concern: Concern = Concern.NAMED

    @property
    def gravity(self) -> tuple[Class, timedelta, bool]:
        """Return what orders meanings: the gravest is what a row is judged by."""
        return self.what, self.wait, self.is_by_our_key


def counted(sentence: str, *, is_by_our_key: bool = True) -> Meaning:
    """Return the meaning of a code that says that the conversion stands there already."""
    return Meaning(Class.COUNTED, sentence, is_by_our_key=is_by_our_key)


def wait(sentence: str, fix: str = "", *, hours: int, is_once: bool = False) -> Meaning:
    """Return the meaning of a code that passes by itself."""
    return Meaning(Class.WAIT, sentence, fix, wait=timedelta(hours=hours), is_once=is_once)


def unknown_click(sentence: str, fix: str = "") -> Meaning:
    """Return the meaning of a code that finds no click.

    Ordinary for a conversion known by hashed identifiers alone; of a click ID it is a refusal.
    """
    return Meaning(Class.UNKNOWN_CLICK, sentence, fix)


def blocked(sentence: str, fix: str, concern: Concern = Concern.NAMED) -> Meaning:
    """Return the meaning of a code that rows get until a person has put the account right."""
    return Meaning(Class.BLOCKED, sentence, fix, concern=concern)


def row(sentence: str, fix: str = "") -> Meaning:
    """Return the meaning of a code about one row, which will not be taken as it is."""
    return Meaning(Class.ROW, sentence, fix)


def stop(sentence: str, fix: str) -> Meaning:
    """Return the meaning of a code that nothing gets past until a person has fixed the cause."""
    return Meaning(Class.STOP, sentence, fix)


UNKNOWN = Meaning(Class.WAIT, wait=timedelta(hours=24), is_unknown=True)
"""Of every code that stands in no table."""


def outcome_of(
    code: str, table: Mapping[str, Meaning], statement: Statement, now: datetime
) -> Outcome:
    """Return what a code on a row means; an unknown one is kept and tried again the next day."""
    return outcome_as(code, table.get(code, UNKNOWN), statement, now)


def outcome_as(code: str, meaning: Meaning, statement: Statement, now: datetime) -> Outcome:
    """Return the outcome of a row that was given a code of this meaning."""
    return _outcome(code, meaning, now, has_click=statement.click_id is not None)


def outcomes_as(
    code: str, meaning: Meaning, statements: Sequence[Statement], now: datetime
) -> list[Outcome]:
    """Return the outcomes of rows that were all given one code.

    The statements are looked at only where the meaning depends on them.
    """
    if meaning.what is Class.UNKNOWN_CLICK:
        return [outcome_as(code, meaning, statement, now) for statement in statements]
    return [_outcome(code, meaning, now, has_click=True)] * len(statements)


def _outcome(code: str, meaning: Meaning, now: datetime, *, has_click: bool) -> Outcome:
    match meaning.what:
        case Class.COUNTED:
            return Confirmed(code=code, is_by_our_key=meaning.is_by_our_key)
        case Class.WAIT:
            return Deferred(
                code=code,
                until=now + meaning.wait,
                is_unknown=meaning.is_unknown,
                is_once=meaning.is_once,
            )
        case Class.UNKNOWN_CLICK if not has_click:
            return NotMatched(code=code)
        case Class.BLOCKED:
            return Blocked(code=code)
        case _:
            return Rejected(code=code)


def rows_concerned(meaning: Meaning, statements: Sequence[Statement]) -> Sequence[int]:
    """Return the rows that share the fate of one blocked row, whether they are named or not."""
    if meaning.what is not Class.BLOCKED:
        return ()
    match meaning.concern:
        case Concern.NAMED:
            return ()
        case Concern.IDENTIFIERS:
            found = [row for row, one in enumerate(statements) if one.identifiers]
        case Concern.VARIABLES:
            found = [row for row, one in enumerate(statements) if one.variables]
        case Concern.ALL:
            found = []
    return found or range(len(statements))


_SHARE = re.compile(r"\d+ of \d+: ")


def explained(code: str, *tables: Mapping[str, Meaning]) -> CodeMeaning | None:
    """Return a code's meaning by the first table that has it, or by our own; None: no table.

    A code that counts ("3 of 10: CODE; 1 of 10: OTHER") is explained by its first.
    """
    first = _SHARE.sub("", code.partition("; ")[0])
    for table in tables:
        if (meaning := table.get(first)) and meaning.sentence:
            return CodeMeaning(meaning.sentence, meaning.fix)
    return CODES.get(first)


def refusals_among(outcomes: Iterable[Outcome]) -> set[str]:
    """Return the codes of the rows that the platform did not take as they are."""
    return {outcome.code for outcome in outcomes if isinstance(outcome, Rejected | Blocked)}


def refused_test_row(
    destination: str, codes: Sequence[str], explain: Callable[[str], CodeMeaning | None]
) -> OperatorError:
    """Return the error of a check whose made-up row was refused, with what to do about it."""
    meanings = [meaning for code in codes if (meaning := explain(code))]
    fixes = " ".join(dict.fromkeys(meaning.fix for meaning in meanings if meaning.fix))
    return OperatorError(f"{destination} refused a test row: {', '.join(codes)}. {fixes}".rstrip())


def of_another_platform(batch: Batch, destination: str, *, renamed: str) -> OperatorError:
    """Return what to raise for a verdict on a batch, where everything is answered at once.

    Whoever asks has a batch that another platform accepted under the destination's name.
    """
    return OperatorError(
        f"Batch {batch.number} was accepted, for a later verdict, by another platform that was "
        f"configured as {destination}. Give {renamed} a name of its own, and keep the other "
        "destination's table until its verdicts are in."
    )
