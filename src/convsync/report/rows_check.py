"""What `check` finds in the rows of an export or a query, before a night meets them."""

from itertools import islice
from typing import Final

from convsync.extract.csv_file import CsvDeals
from convsync.extract.source import Quarantined
from convsync.extract.sql import SqlDeals
from convsync.model.deal import Deal
from convsync.model.finding import Finding, Severity
from convsync.model.period import ALL_TIME

LOOKED_AT: Final = 50_000
"""How many rows are read."""


def findings_of_rows(source: CsvDeals | SqlDeals) -> list[Finding]:
    """Read a source's rows, and warn of those that cannot be read; raises what reading raises."""
    records = [
        record if isinstance(record, Quarantined) else None
        for record in islice(source.read_changed(ALL_TIME), LOOKED_AT)
        if isinstance(record, Quarantined | Deal)
    ]
    footer = _footer_of(records) if isinstance(source, CsvDeals) else []
    unreadable = [record for record in records[: len(records) - len(footer)] if record]
    subject = f"rows of {source.name}"
    findings = []
    if unreadable:
        findings.append(_warning_of_unreadable(subject, unreadable, len(records)))
    if footer:
        findings.append(_warning_of_footer(subject, footer))
    return findings or [Finding(subject=subject)]


def _footer_of(records: list[Quarantined | None]) -> list[Quarantined]:
    """Return the rows behind the last deal, if none of them has a deal ID."""
    footer: list[Quarantined] = []
    for record in reversed(records):
        if record is None or record.deal_id is not None:
            break
        footer.insert(0, record)
    return footer if len(footer) < len(records) else []


def _warning_of_unreadable(subject: str, found: list[Quarantined], read: int) -> Finding:
    first = found[0]
    return Finding(
        severity=Severity.WARNING,
        subject=subject,
        problem=f"{len(found):,} of {read:,} rows cannot be read; {first.place}: {first.problem}",
        means="their deals are not sent, or stay as they were when last read",
        fix="correct the mapping or the export; `convsync quarantine list` has them after a run",
    )


def _warning_of_footer(subject: str, footer: list[Quarantined]) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=subject,
        problem=f"the {len(footer):,} lines after the last deal, from {footer[0].place} on, have no"
        " deal ID: they look like a report's footer",
        means="they are unreadable every night, and no deal is taken for deleted beside them",
        fix='set stop_at = ["…"] to the words that the first of them begins with',
    )
