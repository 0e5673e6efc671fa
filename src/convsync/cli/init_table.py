"""`init --kind csv FILE` and `--kind sql URL`: a first configuration from a table's own content."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from convsync.cli import first_config
from convsync.errors import OperatorError
from convsync.process.guides import located

if TYPE_CHECKING:
    from convsync.wiring.proposed import Proposed

KINDS: Final = ("csv", "sql")
_BEGUN: Final = "# Written by `convsync init`, which adds the deals when it is typed for them."


def written_for(
    kind: str,
    place: str | None,
    query: str | None,
    output: Path,
    destination: str = "google",
    *,
    force: bool,
) -> None:
    """Write a configuration for the deals of a file or database, and say what is doubtful.

    Its rules count at an ad platform, `destination`.

    Clicks are added to the configuration there is. Raises OperatorError where there are neither,
    and where a configuration of other deals would be overwritten.
    """
    if kind not in KINDS:
        raise OperatorError(f"--kind {kind}: write {' or '.join(KINDS)}; for a CRM write --crm.")
    if place is None:
        raise OperatorError(f"init --kind {kind}: name the {'file' if kind == 'csv' else 'URL'}.")
    folder = output.resolve().parent
    proposed = (
        _of_file(Path(place), folder) if kind == "csv" else _of_database(place, query, folder)
    )
    if proposed.place.startswith("clicks."):
        _add_clicks(output, proposed)
    else:
        kept = first_config.clicks_kept(output, force=force)
        _write_deals(output, _lines(kind, proposed, destination), proposed, kept)


def _write_deals(output: Path, lines: Iterable[str], proposed: "Proposed", kept: str) -> None:
    from convsync.settings import load_settings

    secret = _secret_of(proposed)
    first_config.write(output, lines, kept)
    os.environ.update(secret)
    load_settings(output)
    typer.echo(f"{output} is written. Look at every line of it, then:")
    _tell(proposed, secret)
    typer.echo("  convsync db upgrade && convsync check && convsync plan")


def _add_clicks(output: Path, proposed: "Proposed") -> None:
    """Add a log of clicks to a configuration, or begin one with it."""
    text = output.read_text(encoding="utf-8") if output.exists() else _BEGUN
    named = _named_apart(proposed, output)
    output.write_text("\n".join([text.rstrip("\n"), "", *_table(named), ""]), encoding="utf-8")
    typer.echo(f"[{named.place}] is added to {output}. Look at every line of it, then:")
    _tell(named, _secret_of(named))
    if first_config.clicks_alone(output.read_text(encoding="utf-8")) is None:
        typer.echo("  convsync check")
    else:
        typer.echo("  convsync init …   # for the deals: --crm NAME, or --kind csv FILE")


def _named_apart(proposed: "Proposed", output: Path) -> "Proposed":
    """Give a log of clicks a name that no other has. Raises OperatorError where it is there."""
    from dataclasses import replace

    from convsync.settings.loading import written_tables

    there = written_tables(output).get("clicks", {})
    for name, table in there.items():
        if all(table.get(key) == proposed.table.get(key) for key in ("path", "url", "query")):
            raise OperatorError(f"{output} already has this click log as [clicks.{name}].")
    first, _, own = proposed.place.partition(".")
    names = (own, *(f"{own}_{number}" for number in range(2, len(there) + 2)))
    free = next(name for name in names if name not in there)
    return replace(proposed, place=f"{first}.{free}")


def _of_file(path: Path, folder: Path) -> "Proposed":
    from dataclasses import replace

    from convsync.wiring.proposed import of_file

    proposed = of_file(path)
    full = path.resolve()
    inside = full.relative_to(folder) if full.is_relative_to(folder) else full
    return replace(proposed, table={**proposed.table, "path": str(inside)})


def _of_database(url: str, query: str | None, folder: Path) -> "Proposed":
    from convsync.wiring.proposed import of_database, tables_of, written

    if query is None:
        there = tables_of(url, folder)
        chosen = there[0] if len(there) == 1 else _chosen_of(there)
        query = written(chosen) if chosen in there else chosen
    return of_database(url, query, folder)


def _chosen_of(tables: Sequence[str]) -> str:
    """Return the table or query that somebody names; OperatorError where nobody can be asked."""
    named = ", ".join(tables) or "none that this address shows"
    if not sys.stdin.isatty():
        raise OperatorError(f"Which table or query? There are: {named}. Name it with --query.")
    return str(typer.prompt(f"Which table or query? ({named})"))


def _lines(kind: str, proposed: "Proposed", destination: str) -> Iterator[str]:
    milestones = [name for name in proposed.table["milestones"] if name != "lost"]
    yield from first_config.head([f"{located(f'config/{kind}.toml')} explains all keys."])
    yield from first_config.agreements(milestones)
    yield ""
    yield from _table(proposed)
    columns = proposed.table.get("columns")  # Google's template needs none: its names are known
    has_amounts = columns is None or "amount" in columns
    yield from first_config.rules(milestones, destination, has_amounts=has_amounts)


def _table(proposed: "Proposed") -> Iterator[str]:
    """Yield the lines of the source's own table, with what is doubtful of it above."""
    secret = _secret_of(proposed)
    yield from (f"# {doubt}" for doubt in proposed.doubts)
    for name in secret:
        yield f"# The address is a secret: set it as {name}, or in CONVSYNC_SECRETS_DIR."
    written = {key: value for key, value in proposed.table.items() if not (secret and key == "url")}
    yield from first_config.table(proposed.place, written)


def _secret_of(proposed: "Proposed") -> Mapping[str, str]:
    """Return a database's URL that holds a password by the variable that it is to be set as."""
    from convsync.wiring.proposed import holds_secret

    url = proposed.table.get("url")
    if url is None or not holds_secret(url):
        return {}
    return {f"CONVSYNC_{proposed.place.upper().replace('.', '__')}__URL": url}


def _tell(proposed: "Proposed", secret: Mapping[str, str]) -> None:
    for doubt in proposed.doubts:
        typer.echo(f"  # {doubt}")
    for name in secret:
        typer.echo(f"  export {name}=…   # or a file of that name")
