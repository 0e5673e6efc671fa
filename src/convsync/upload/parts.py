"""A batch that goes out in several requests, and gets one set of outcomes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from convsync import log
from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.outcome import Blocked, Deferred, NotMatched, Outcome, Rejected, Untried
from convsync.model.statement import Batch, Statement
from convsync.model.stored_statements import StoredStatements
from convsync.model.takes import Takes

Part = tuple[Sequence[int], Callable[[Batch], Sequence[Outcome]]]
"""The rows of a batch that a part holds, and what asks the platform about them.

Where these are all rows, a range says so, and the batch is sent as it is.
"""


def upload_in_parts(batch: Batch, parts: Iterable[Part]) -> Sequence[Outcome]:
    """Send the parts of a batch one after the other; return an outcome for every row, in order.

    Where a part changed nothing at the platform, because a person has to fix the cause or a quota
    is spent, and an earlier part was taken, its rows come back untried: alone in the next batch
    they are refused again, and that refusal is raised. Any other TransientError is raised at once:
    the batch is then sent again word for word, and what was taken already says so.
    """
    outcomes: list[Outcome] = [Untried()] * len(batch.statements)
    was_taken = False
    for rows, upload in parts:
        if not rows:
            continue
        if rows == range(len(outcomes)):
            return upload(batch)
        try:
            answers = upload(_part_of(batch, [batch.statements[row] for row in rows]))
        except (OperatorError, UnexpectedResponseError, TransientError) as error:
            is_passing = isinstance(error, TransientError) and not error.surely_not_taken
            if is_passing or not was_taken:
                raise
            continue
        was_taken = True
        for row, outcome in zip(rows, answers, strict=True):
            outcomes[row] = outcome
    return outcomes


def foreseen(batch: Batch, takes: Takes, now: datetime) -> Part:
    """Return the rows that the platform is known to refuse, and the refusal of each."""
    refused = {}
    said = batch.statements
    if not (isinstance(said, StoredStatements) and takes.surely_takes(said.columns)):
        codes = {row: takes.refusal_of(statement, now) for row, statement in enumerate(said)}
        refused = {row: code for row, code in codes.items() if code is not None}
    return list(refused), lambda part: logged(
        part, [Rejected(code=code) for code in refused.values()]
    )


_LOGGED_AS: Mapping[type[Outcome], str] = {
    Rejected: "rows rejected",
    Blocked: "rows blocked",
    NotMatched: "rows unmatched",
    Deferred: "rows deferred",
}


def logged(batch: Batch, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return outcomes as they are, and log what was refused or put off: a line a code."""
    counts = Counter(
        (type(outcome), outcome.code)
        for outcome in outcomes
        if isinstance(outcome, Rejected | Blocked | NotMatched | Deferred)
    )
    for (kind, code), rows in counts.items():
        line = log.info if kind is NotMatched else log.warning  # that is ordinary
        line(
            _LOGGED_AS[kind],
            destination=batch.action.destination,
            action=batch.action.action_id,
            batch=batch.number,
            code=code,
            rows=rows,
        )
    return outcomes


def _part_of(batch: Batch, statements: Sequence[Statement]) -> Batch:
    return Batch(number=batch.number, action=batch.action, statements=statements)
