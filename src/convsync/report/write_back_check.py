"""What `check` says of fields that are to be written in a CRM, and of the right to do so."""

from collections.abc import Iterator, Sequence

from convsync.errors import ConvsyncError
from convsync.extract.field_writer import WriteBackTerms
from convsync.model.finding import Finding, Severity


def findings_of_write_back(terms: Sequence[WriteBackTerms]) -> Iterator[Finding]:
    """Yield what keeps each source's deals from being written into; nothing is written."""
    for one in terms:
        subject = f"write-back into {one.source}"
        try:
            problems = [*one.open_writer().problems([*one.fields.values()])]
        except ConvsyncError as error:
            problems = [str(error)]
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
