"""`check`: whether everything a night needs is there, before the night."""

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from convsync.model.finding import Finding
    from convsync.report.check import Profiled
    from convsync.settings import Settings
    from convsync.store.database import Database

_SUMMARY = ("check", "result", "detail")
_COLUMNS = (*_SUMMARY, "means", "example", "fix", "paste", "link")


ProfileOf = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        help="Look only at an export or a click log, without any config: its columns are guessed.",
    ),
]


def check(
    profile: ProfileOf = None,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Check settings, database, sources, ad account, clock and a test request for each rule.

    Shows what each source's records contain. Sends nothing. Exits 2 on an error, and 0 if there
    are only warnings.
    """
    if profile is None:
        settings = options.load(config)
        findings = all_findings(settings, options.instant(as_of, settings))
    else:
        findings = _of_file(profile)
    _show(findings, form)
    if _has_error(findings):
        raise typer.Exit(2)


def all_findings(settings: "Settings", now: "datetime | None") -> "list[Finding]":
    """Look at everything there is, sources and ad accounts included; None: as of the present."""
    from convsync import wiring
    from convsync.report.check import check_all
    from convsync.report.money_check import findings_of_money
    from convsync.report.write_back_check import findings_of_write_back
    from convsync.running.other_accounts import findings_of_accounts
    from convsync.values.versions import findings, wants_learned_values
    from convsync.watch.set_up import problems_of
    from convsync.wiring.watch import watch_of

    wiring.let_sandbox_follow(settings, now)
    with wiring.opened(settings, as_of=now) as services:
        found = check_all(
            services.database,
            services.rules,
            [*services.deal_sources, *services.click_sources],
            services.destinations,
            wiring.accounts_of(settings),
            shared=services.shared_keys,
            clock=None if now else services.clock,
            now=services.clock(),
        )
        if found[0].severity is None:
            with services.database.reading() as connection:
                found += findings_of_accounts(connection, services.account_keys)
        if wants_learned_values(services.rules) and found[0].severity is None:
            terms = wiring.learning_terms_of(settings)
            found += findings(services.database, services.rules, terms, services.clock())
        written = [*findings_of_write_back(services.write_backs, services.database)]
        zone = services.money.zone or UTC
        written += findings_of_money(
            services.revenue_sources,
            services.money.rates,
            services.rules,
            services.takes,
            currency=settings.company.currency,
            today=services.clock().astimezone(zone).date(),
        )
        written += problems_of(watch_of(settings), services.clock())
    return [*found, *written]


def offline_findings(
    settings: "Settings", database: "Database", now: "datetime"
) -> "list[Finding]":
    """Look at what can be looked at without asking anybody."""
    from convsync import wiring
    from convsync.report.check import findings_of_ledger
    from convsync.values.versions import findings, wants_learned_values
    from convsync.watch.set_up import problems_of
    from convsync.wiring.watch import watch_of

    rules = wiring.rules_of(settings)
    sources = [*settings.deals, *settings.clicks]
    found = findings_of_ledger(database, [rule.name for rule in rules], sources)
    if wants_learned_values(rules) and found[0].severity is None:
        found += findings(database, rules, wiring.learning_terms_of(settings), now)
    return [*found, *problems_of(watch_of(settings), now)]


def _of_file(path: Path) -> "list[Finding]":
    """Return what a file looks like under columns that are guessed, and what was guessed."""
    from zoneinfo import ZoneInfo

    from convsync.cli import first_config
    from convsync.model.finding import Finding, Severity
    from convsync.model.terms import SharedKeys
    from convsync.report.check import profiled
    from convsync.wiring import proposed

    guessed = proposed.of_file(path)
    source = proposed.source_of(guessed, Path(), ZoneInfo("UTC"))
    said = Finding(
        severity=Severity.INFO,
        subject=f"guess of {path.name}",
        problem="; ".join(["times without a zone are read as UTC", *guessed.doubts]),
        paste="\n".join(first_config.table(guessed.place, guessed.table)),
    )
    return [said, profiled(source, SharedKeys())]


def _has_error(findings: "Sequence[Finding]") -> bool:
    from convsync.model.finding import Severity
    from convsync.report.check import each_of

    return any(finding.severity is Severity.ERROR for finding in each_of(findings))


def _show(findings: "Sequence[Finding]", form: Format) -> None:
    """Print what was found, a profile as a page of its own where people read it."""
    from convsync.report.check import Profiled, each_of

    if form is not Format.TABLE:
        output.show([_row(finding) for finding in each_of(findings)], _COLUMNS, form)
        return
    rows = [_row(finding) for finding in findings]
    output.show(rows, _SUMMARY, form)
    _show_fixes(rows)
    for finding in findings:
        if isinstance(finding, Profiled):
            _show_page(finding)


def _show_page(profiled: "Profiled") -> None:
    from convsync.report.profile_page import page_of

    typer.echo("\n" + "\n".join(page_of(profiled.profile, profiled.shows)))


def _row(finding: "Finding") -> dict[str, Any]:
    from convsync.report.check import RESULTS, Profiled
    from convsync.report.profile_page import profile_as_json

    row: dict[str, Any] = {
        "check": finding.subject,
        "result": RESULTS[finding.severity],
        "severity": finding.severity,
        "detail": finding.problem,
        "means": finding.means,
        "example": finding.example,
        "fix": finding.fix,
        "paste": finding.paste,
        "link": finding.link,
    }
    if isinstance(finding, Profiled):
        row["profile"] = profile_as_json(finding.profile)
    return row


def _show_fixes(rows: list[dict[str, Any]]) -> None:
    """Print what each finding means and how to fix it, below the table."""
    for row in rows:
        if row["paste"]:
            typer.echo("\n" + row["paste"])
        if row["means"]:
            typer.echo(f"\n{row['result']}: {row['check']}: {row['detail']}")
            for label, key in (("means", "means"), ("fix", "fix"), ("see", "link")):
                if row[key]:
                    typer.echo(f"  {label:<6} {row[key]}")
