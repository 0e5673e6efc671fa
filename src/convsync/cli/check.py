"""`check`: whether everything a night needs is there, before the night."""

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption


def check(
    config: Config = DEFAULT_CONFIG, as_of: AsOf = None, form: FormatOption = Format.TABLE
) -> None:
    """Check settings, database, sources and the platform; sends nothing. Exits 2 on a finding."""
    from convsync import wiring
    from convsync.report.check import check_all

    settings = options.load(config)
    services = wiring.services_of(settings, as_of=options.instant(as_of, settings))
    findings = check_all(
        services.database,
        services.rules,
        [*services.deal_sources, *services.click_sources],
        services.destinations,
        now=services.clock(),
    )
    rows = [
        {"check": f.subject, "result": "ok" if f.problem is None else "failed", "detail": f.problem}
        for f in findings
    ]
    output.show(rows, ["check", "result", "detail"], form)
    if any(finding.problem for finding in findings):
        raise typer.Exit(2)
