"""`status --platform`: what the ad accounts say beside the ledger."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from msgspec import structs

from convsync.cli import options, output
from convsync.cli.options import Format

if TYPE_CHECKING:
    from convsync.report.platform import Comparison
    from convsync.settings import Settings

_COLUMNS = (
    "destination",
    "action",
    "rules",
    "client",
    "status",
    "success_rate",
    "pending_rate",
    "last_upload_on",
    "received",
    "failed",
    "sent",
    "refused",
    "alerts",
    "difference",
)


@dataclass(frozen=True, slots=True)
class PlatformSide:
    """What the accounts say beside the ledger, who cannot be asked, and what to know of it."""

    rows: list["Comparison"]
    not_asked: dict[str, str]
    notes: list[str]


def seen_by_platforms(settings: "Settings", as_of: str | None) -> PlatformSide:
    """Ask each account what it received in the last days, and compare that with the ledger."""
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.report.platform import compare_with
    from convsync.upload.ad_account import CannotAsk

    rules = wiring.rules_of(settings)
    now = options.instant(as_of, settings) or system_clock()
    seen = PlatformSide([], {}, [])
    for account in wiring.accounts_of(settings):
        received = account.received()
        if isinstance(received, CannotAsk):
            seen.not_asked[account.destination] = received.fix
            continue
        name = account.destination
        with options.ledger(settings) as database:
            compared = compare_with(received, name, database=database, rules=rules, now=now)
        seen.rows.extend(compared)
        if received.note and received.note not in seen.notes:
            seen.notes.append(received.note)
    return seen


def _row(seen: "Comparison") -> dict[str, object]:
    return {
        "destination": seen.destination,
        "action": seen.action_id or "all",
        "rules": ", ".join(seen.rules),
        "client": seen.client,
        "status": seen.status,
        "success_rate": _rate(seen.success_rate),
        "pending_rate": _rate(seen.pending_rate),
        "last_upload_on": None if seen.last_upload_on is None else seen.last_upload_on.isoformat(),
        "received": seen.received,
        "failed": seen.failed,
        "sent": seen.sent,
        "refused": seen.refused,
        "alerts": ", ".join(f"{alert.code} {alert.share:.1%}" for alert in seen.alerts),
        "difference": seen.difference,
    }


def as_json(seen: PlatformSide) -> dict[str, object]:
    """Return it for `--format json`."""
    return {
        "platform": [
            {**_row(row), "days": [structs.asdict(day) for day in row.days]} for row in seen.rows
        ],
        "platform_not_asked": list(seen.not_asked),
        "platform_note": " ".join(seen.notes),
    }


def _rate(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def show_rows(seen: PlatformSide, form: Format) -> None:
    """Print the comparison alone, as a listing."""
    output.show([_row(row) for row in seen.rows], _COLUMNS, form)


def show(seen: PlatformSide) -> None:
    """Print the comparison, each difference, and who could not be asked."""
    typer.echo(
        "\nWhat the platform received, and what the ledger sent, in the six full days before today:"
    )
    show_rows(seen, Format.TABLE)
    for row in seen.rows:
        if row.difference:
            typer.echo(f"differs: action {row.action_id} of {row.destination}: {row.difference}")
    for name, fix in seen.not_asked.items():
        typer.echo(f"{name} cannot be asked: {fix}")
    for note in seen.notes:
        typer.echo(note)
