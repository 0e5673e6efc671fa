"""`init --kind csv FILE` and `--kind sql URL`: a first configuration from a table's own content."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from convsync.cli import first_config
from convsync.errors import OperatorError
from convsync.guides import located

if TYPE_CHECKING:
    from convsync.wiring.proposed import Proposed

KINDS: Final = ("csv", "sql")
_URL: Final = "CONVSYNC_DEALS__CRM__URL"


def written_for(kind: str, place: str | None, query: str | None, output: Path) -> None:
    """Write a configuration for the deals of a file or database, and say what is doubtful.

    Raises OperatorError where there are none, or where it is a log of clicks.
    """
    from convsync.settings import load_settings
    from convsync.wiring.proposed import holds_secret

    if kind not in KINDS:
        raise OperatorError(f"--kind {kind}: write {' or '.join(KINDS)}; for a CRM write --crm.")
    if place is None:
        raise OperatorError(f"init --kind {kind}: name the {'file' if kind == 'csv' else 'URL'}.")
    folder = output.resolve().parent
    proposed = (
        _of_file(Path(place), folder) if kind == "csv" else _of_database(place, query, folder)
    )
    if not proposed.place.startswith("deals."):
        raise OperatorError(
            f"{place} looks like a log of clicks: `convsync init` needs the deals. `convsync check"
            f" --profile` shows what is in it, and the lines of [{proposed.place}] to add."
        )
    secret = holds_secret(place) if kind == "sql" else False
    output.write_text("\n".join(_lines(kind, proposed, is_secret=secret)) + "\n", encoding="utf-8")
    if secret:
        os.environ[_URL] = place
    load_settings(output)
    _tell(output, proposed, is_secret=secret)


def _of_file(path: Path, folder: Path) -> "Proposed":
    from dataclasses import replace

    from convsync.wiring.proposed import of_file

    proposed = of_file(path)
    full = path.resolve()
    inside = full.relative_to(folder) if full.is_relative_to(folder) else full
    return replace(proposed, table={**proposed.table, "path": str(inside)})


def _of_database(url: str, query: str | None, folder: Path) -> "Proposed":
    from convsync.wiring.proposed import of_database, tables_of

    if query is None:
        there = tables_of(url, folder)
        if len(there) != 1:
            query = typer.prompt(f"Which table or query? ({', '.join(there) or 'none there'})")
        else:
            (query,) = there
    return of_database(url, str(query), folder)


def _lines(kind: str, proposed: "Proposed", *, is_secret: bool) -> Iterator[str]:
    milestones = [name for name in proposed.table["milestones"] if name != "lost"]
    yield from first_config.head([f"{located(f'config/{kind}.toml')} explains all keys."])
    yield from first_config.agreements(milestones)
    yield ""
    yield from (f"# {doubt}" for doubt in proposed.doubts)
    if is_secret:
        yield f"# The address is a secret: set it as {_URL}, or in CONVSYNC_SECRETS_DIR."
    yield from first_config.table(proposed.place, _without_secret(proposed.table, is_secret))
    columns = proposed.table.get("columns")  # Google's template needs none: its names are known
    has_amounts = columns is None or "amount" in columns
    yield from first_config.rules(milestones, has_amounts=has_amounts)


def _without_secret(table: Mapping[str, Any], is_secret: bool) -> Mapping[str, Any]:
    return {key: value for key, value in table.items() if not (is_secret and key == "url")}


def _tell(output: Path, proposed: "Proposed", *, is_secret: bool) -> None:
    typer.echo(f"{output} is written. Look at every line of it, then:")
    for doubt in proposed.doubts:
        typer.echo(f"  # {doubt}")
    if is_secret:
        typer.echo(f"  export {_URL}=…   # or a file of that name")
    typer.echo("  convsync db upgrade && convsync check && convsync plan")
