"""What `check` says of fields that are to be written in a CRM, and of the right to do so."""

from collections.abc import Iterator, Sequence

from convsync.errors import ConvsyncError
from convsync.extract.field_writer import WriteBackTerms, problems_with
from convsync.model.finding import Finding, Severity
from convsync.model.write_back import NUMBERS
from convsync.store import value_versions
from convsync.store.database import Database


def findings_of_write_back(
    terms: Sequence[WriteBackTerms], database: Database
) -> Iterator[Finding]:
    """Yield what keeps each source's deals from being written into; nothing is written."""
    for one in terms:
        subject = f"write-back into {one.source}"
        try:
            problems = [*problems_with(one, one.open_writer())]
        except ConvsyncError as error:
            problems = [str(error)]
        if NUMBERS.intersection(one.fields) and not _has_values(database):
            yield Finding(
                severity=Severity.WARNING,
                subject=subject,
                problem="no version of the learned values was accepted",
                means="score and expected_value stay empty; everything else is written",
                fix="`convsync values learn`, then `convsync values accept`",
            )
        if not problems:
            yield Finding(subject=subject)
        for problem in problems:
            yield Finding(
                severity=Severity.WARNING,
                subject=subject,
                problem=problem,
                means="nothing is written into this CRM; nights go on, and end with exit code 1",
                fix=f"correct it, or [deals.{one.source}.write_back]",
            )


def _has_values(database: Database) -> bool:
    """Return whether learned values were accepted; a ledger that cannot be read has none."""
    try:
        with database.reading() as connection:
            return value_versions.accepted(connection) is not None
    except ConvsyncError:
        return False
