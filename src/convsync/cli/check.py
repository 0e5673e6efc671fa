"""`check`: whether everything a night needs is there, before the night."""

from typing import TYPE_CHECKING, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption

if TYPE_CHECKING:
    from convsync.model.finding import Finding

_SUMMARY = ("check", "result", "detail")
_COLUMNS = (*_SUMMARY, "means", "fix", "link")
_RESULTS = {None: "ok", "error": "failed", "warning": "warning", "info": "info"}


def check(
    config: Config = DEFAULT_CONFIG, as_of: AsOf = None, form: FormatOption = Format.TABLE
) -> None:
    """Check settings, database, sources, ad account, clock and a test request for each rule.

    Sends nothing. Exits 2 on an error; warnings leave it at 0.
    """
    from convsync import wiring
    from convsync.model.finding import Severity
    from convsync.report.check import check_all

    settings = options.load(config)
    with wiring.opened(settings, as_of=options.instant(as_of, settings)) as services:
        findings = check_all(
            services.database,
            services.rules,
            [*services.deal_sources, *services.click_sources],
            services.destinations,
            wiring.accounts_of(settings),
            clock=None if as_of else services.clock,
            now=services.clock(),
        )
    rows = [_row(finding) for finding in findings]
    if form is Format.TABLE:
        output.show(rows, _SUMMARY, form)
        _show_fixes(rows)
    else:
        output.show(rows, _COLUMNS, form)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(2)


def _row(finding: "Finding") -> dict[str, Any]:
    return {
        "check": finding.subject,
        "result": _RESULTS[finding.severity],
        "severity": finding.severity,
        "detail": finding.problem,
        "means": finding.means,
        "fix": finding.fix,
        "link": finding.link,
    }


def _show_fixes(rows: list[dict[str, Any]]) -> None:
    """Print what each finding means and how to fix it, below the table."""
    for row in rows:
        if row["means"]:
            typer.echo(f"\n{row['result']}: {row['check']}: {row['detail']}")
            for label, key in (("means", "means"), ("fix", "fix"), ("see", "link")):
                if row[key]:
                    typer.echo(f"  {label:<6} {row[key]}")
