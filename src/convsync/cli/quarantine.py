"""`quarantine list`, `show` and `export`: the records that could not be read, and why."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.errors import OperatorError
from convsync.plain_text import several
from convsync.report.listing_cells import cell_of, text_of

app = typer.Typer(help="The records that could not be read.", no_args_is_help=True)

COLUMNS = ("source", "place", "deal_id", "problem", "since")
Source = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Only records of this source.")
]
Name = Annotated[
    str, typer.Argument(metavar="DEAL|PLACE", help="A deal's ID, or a part of a record's place.")
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file to write.")]


@app.command("list")
def show(
    config: Config = DEFAULT_CONFIG, source: Source = None, form: FormatOption = Format.TABLE
) -> None:
    """List every record that could not be read: its place, its deal, and the reason."""
    output.show(_rows(config, source), COLUMNS, form)


@app.command("show")
def show_one(
    name: Name,
    config: Config = DEFAULT_CONFIG,
    source: Source = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show in full the records of a deal, or those whose place contains a text, such as a line."""
    rows = [
        row
        for row in _rows(config, source)
        if row["deal_id"] == name or name.lower() in row["place"].lower()
    ]
    if not rows:
        raise OperatorError(f"No record of a deal {name}, or at such a place, is in quarantine.")
    if form is not Format.TABLE:
        output.show(rows, COLUMNS, form)
        return
    for row in rows:
        deal = f", deal {row['deal_id']}" if row["deal_id"] else ""
        typer.echo(f"{row['source']}, {row['place']}{deal}")
        typer.echo(f"  {row['problem']}")
        typer.echo(f"  since {text_of(row['since'])}; read again by every run that meets it")


@app.command()
def export(file: File, config: Config = DEFAULT_CONFIG, source: Source = None) -> None:
    """Write the list as a CSV file, for whoever corrects the export or the CRM."""
    rows = _rows(config, source)
    try:
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(COLUMNS)
            writer.writerows([cell_of(row[column]) for column in COLUMNS] for row in rows)
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error.strerror}") from None
    typer.echo(f"{several(len(rows), 'record')} written to {file}")


def _rows(config: Path, source: str | None) -> list[dict[str, Any]]:
    from convsync.report.status import quarantined

    settings = options.load(config)
    known = [*settings.deals, *settings.clicks, *settings.collect]
    with options.ledger(settings) as database:
        found = quarantined(database)
    if source is not None and source not in {*known, *(record.source for record in found)}:
        raise OperatorError(f"There is no source '{source}'; there is {', '.join(known)}.")
    return [asdict(record) for record in found if source in (None, record.source)]
