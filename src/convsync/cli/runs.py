"""`run`, `plan`, `backfill`, `retry` and `release`: all that reads sources or sends."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from convsync import log
from convsync.cli import collector, options, output, signals, watching
from convsync.cli.options import (
    DEFAULT_CONFIG,
    AsOf,
    By,
    Config,
    DryRun,
    Force,
    Format,
    FormatOption,
)
from convsync.cli.preview import Preview, question
from convsync.cli.progress import Shown, showing_progress
from convsync.errors import OperatorError
from convsync.plain_text import several

if TYPE_CHECKING:
    from convsync.model.kept_plan import Kept
    from convsync.model.narrowed import Narrowed
    from convsync.report.closing import Closing
    from convsync.running.services import Progress, Report, Services
    from convsync.settings import Settings

From = Annotated[str, typer.Option("--from", metavar="DAY", help="First day, e.g. 2026-03-01.")]
To = Annotated[str, typer.Option("--to", metavar="DAY", help="Last day, included.")]
Deals = Annotated[
    list[str] | None, typer.Option("--deal", metavar="ID", help="Only this deal; repeatable.")
]
Rules = Annotated[
    list[str] | None, typer.Option("--rule", metavar="NAME", help="Only this rule; repeatable.")
]
Sources = Annotated[
    list[str] | None, typer.Option("--source", metavar="NAME", help="Only this source; repeatable.")
]
ListDeals = Annotated[
    bool,
    typer.Option(
        "--deals",
        help="List each conversion that would be sent: the first twenty, or all with --format csv"
        " or json.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="Save the plan to a file, to send it by `run --plan FILE`."
    ),
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Send only the plan saved by `plan --out FILE`, as far as it still agrees.",
    ),
]
RunNumber = Annotated[
    int, typer.Argument(metavar="RUN", help="The number of the run that refused the plan.")
]
RetriedCodes = Annotated[
    list[str] | None,
    typer.Option("--code", metavar="CODE", help="Only conversions with this code; repeatable."),
]
RetriedDeals = Annotated[
    list[str] | None, typer.Option("--deal", metavar="ID", help="Only this deal; repeatable.")
]
RetriedRun = Annotated[
    int | None,
    typer.Option(
        "--run",
        metavar="N",
        help="Only conversions that this run planned, or was the last to send.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")]


def run(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    *,
    dry_run: DryRun = False,
    force: Force = False,
    by: By = None,
    plan_file: PlanFile = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """The nightly run: reads what changed, and sends what is new, changed or taken back."""
    from convsync import pipeline

    if plan_file is not None and (dry_run or force):
        raise typer.BadParameter("--plan goes with neither --dry-run nor --force.")
    is_nightly = not dry_run and plan_file is None
    with (
        _closing(form, is_wanted=not dry_run) as closing,
        watching.night_watched(config, as_of, closing, is_wanted=is_nightly) as night,
        showing_progress() as progress,
        services_for(config, as_of, progress, closing, by=by) as services,
    ):
        if dry_run:
            report = pipeline.plan(services)
        elif plan_file is not None:
            report = pipeline.carry_out(services, _kept_in(plan_file))
        else:
            report = pipeline.run(services, force=force)
        night.exit_code = report.exit_code
    _show(report, form, closing)


def _kept_in(path: Path) -> "Iterator[Kept]":
    from convsync.report import plan_file

    return plan_file.read(path)


def plan(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    *,
    deals: ListDeals = False,
    out: Out = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show what `run` would do now. Writes and sends nothing."""
    from convsync import pipeline, wiring

    finality = wiring.finality_of(options.load(config))
    with showing_progress() as progress, services_for(config, as_of, progress) as services:
        preview = Preview(form, is_listed=deals, out=out, as_of=services.clock(), finality=finality)
        report = pipeline.plan(services, read_plan=preview.read)
    _show(report, form, [], preview=preview)


def backfill(
    from_day: From,
    to_day: To,
    deal: Deals = None,
    rule: Rules = None,
    source: Sources = None,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
    force: Force = False,
    by: By = None,
    deals: ListDeals = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Reconcile every milestone reached in a date range. Shows the plan, and asks.

    If nobody can be asked, only --yes sends.
    """
    from convsync import pipeline, wiring

    settings = options.load(config)
    period, accounts = options.days(settings, from_day, to_day), wiring.account_names(settings)
    only = _narrowed(settings, deal or [], rule or [], source or [])
    if dry_run:
        preview = Preview(form, is_listed=deals, finality=wiring.finality_of(settings))
        with showing_progress() as progress, services_for(config, as_of, progress, []) as services:
            planned = pipeline.plan_backfill(services, period, only=only, read_plan=preview.read)
        _show(planned, form, [], preview=preview)
    preview = Preview(Format.TABLE, finality=wiring.finality_of(settings))
    with (
        _closing(form) as closing,
        showing_progress() as progress,
        services_for(config, as_of, progress, closing, by=by) as services,
    ):
        approve = None if yes else partial(_asked, progress, preview, accounts)
        report = pipeline.backfill(
            services, period, only=only, approve=approve, read_plan=preview.read, force=force
        )
    if report is not None:
        _show(report, form, closing)
    output.note("Nothing was sent.")


def retry(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    code: RetriedCodes = None,
    deal: RetriedDeals = None,
    run: RetriedRun = None,
    *,
    force: Force = False,
    by: By = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Send what is waiting in the outbox and ask for verdicts. Reads no source.

    With --code, --deal or --run, send exactly what these select together, even if it was rejected
    or its time has not come.
    """
    from convsync import pipeline
    from convsync.model.chosen import Chosen

    chosen = Chosen(codes=frozenset(code or ()), deal_ids=frozenset(deal or ()), run_id=run)
    with (
        _closing(form) as closing,
        showing_progress() as progress,
        services_for(config, as_of, progress, closing, by=by) as services,
    ):
        report = (
            pipeline.retry(services, chosen, force=force)
            if chosen
            else pipeline.resend(services, force=force)
        )
    _show(report, form, closing)


def release(
    run: RunNumber,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    by: By = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Send exactly the plan that a run refused as unusual, as far as it still agrees."""
    from convsync import pipeline

    with (
        _closing(form) as closing,
        showing_progress() as progress,
        services_for(config, as_of, progress, closing, by=by) as services,
    ):
        report = pipeline.release(services, run)
    watching.look_again(config, as_of, closing)
    _show(report, form, closing)


def _narrowed(
    settings: "Settings", deals: Sequence[str], rules: Sequence[str], sources: Sequence[str]
) -> "Narrowed":
    """Return what options narrow a backfill to; OperatorError for names that are not configured."""
    from convsync.model.narrowed import Narrowed

    for option, names, there in (
        ("--rule", rules, settings.rules),
        ("--source", sources, settings.deals),
    ):
        for name in names:
            if name not in there:
                raise OperatorError(
                    f"{option} {name}: there is no such name; there are: {', '.join(there)}."
                )
    return Narrowed(deal_ids=frozenset(deals), rules=frozenset(rules), sources=frozenset(sources))


@contextmanager
def _closing(form: Format, *, is_wanted: bool = True) -> Iterator["list[Closing]"]:
    """Yield where a run says how it ended; what was stopped says so as the last thing on stdout."""
    from convsync.report.closing import Closing, Ending

    closings: list[Closing] = []
    try:
        yield closings
    except BaseException:
        if is_wanted:
            closing = closings[-1] if closings else Closing(ending=Ending.FAILED)
            output.show_closing(closing, form)
        raise


@contextmanager
def services_for(
    config: Path,
    as_of: str | None,
    progress: "Progress",
    closing: "list[Closing] | None" = None,
    *,
    by: str | None = None,
) -> Iterator["Services"]:
    """Yield what a command works with; what runs, and says so by `closing`, can be stopped."""
    from convsync import wiring
    from convsync.store import migrate

    settings = options.load(config)
    now = options.instant(as_of, settings)
    wiring.let_sandbox_follow(settings, now)
    if closing is None:
        with wiring.opened(settings, as_of=now, progress=progress) as services:
            migrate.require_current(services.database)
            collector.start_is_over()
            yield replace(services, by=by or services.by)
        return
    with (
        signals.listening() as stop,
        wiring.opened(settings, as_of=now, progress=progress, sleep=stop.sleep) as services,
    ):
        migrate.require_current(services.database)
        collector.start_is_over()
        yield replace(services, on_close=closing.append, stop=stop, by=by or services.by)


def _asked(
    progress: Shown, preview: Preview, accounts: "Mapping[str, str]", report: "Report"
) -> bool:
    """Show the plan and ask, on stderr; anything but a yes is a no. Nothing to send is not asked.

    Raises OperatorError where there is nobody to ask, so that no schedule takes it for success.
    """
    with progress.paused():
        output.show_plan(report, to_stderr=True)
        preview.show_lines(to_stderr=True)
        if not preview.outgoing.total:
            return True
        if not sys.stdin.isatty():
            raise OperatorError(
                "Nobody can be asked here, so nothing was sent: pass --yes to send."
            )
        return typer.confirm(question(preview.outgoing, accounts), err=True)


def _show(
    report: "Report",
    form: Format,
    closings: "Sequence[Closing]",
    *,
    preview: Preview | None = None,
) -> NoReturn:
    """Print what a run did, its problems on stderr, and how it ended, and exit as it says.

    A preview has no end. One that has listed its conversions as CSV or JSON has printed all there
    is on stdout.
    """
    if preview is not None and preview.has_listed:
        preview.warn()
    elif form is Format.JSON:
        output.show_json(output.report_as_json(report, closings[-1] if closings else None))
    elif form is Format.CSV:
        from convsync.plan import Step

        rows = [{"step": step.value, "count": report.plan.steps[step]} for step in Step]
        output.show(rows, ["step", "count"], form)
    else:
        output.show_plan(report)
        if preview is not None:
            preview.show_lines()
        if closings:
            _show_outcomes(report)
        output.show_sums(report.sums, unreadable=report.quarantined)
    for problem in report.problems:
        output.note(f"convsync: {problem}", log_as=log.warning)
    if report.quarantined:
        output.note(
            f"convsync: {several(report.quarantined, 'record')} could not be read;"
            " see `convsync quarantine list`.",
            log_as=log.warning,
        )
    if form is not Format.JSON:
        for closing in closings:
            output.show_closing(closing, form)
    raise typer.Exit(report.exit_code)


def _show_outcomes(report: "Report") -> None:
    counts = report.uploaded.outcomes
    listed = ", ".join(f"{kind.value} {count:,}" for kind, count in sorted(counts.items()))
    typer.echo(f"run {report.run_id}: {listed or 'nothing to send'}")
