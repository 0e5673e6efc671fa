"""An unconfigured source: proposed from what its table contains, and built like any other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import SecretStr, TypeAdapter
from sqlalchemy import make_url

from convsync.errors import OperatorError
from convsync.extract.access_log import AccessLogClicks
from convsync.extract.csv_clicks import CsvClicks
from convsync.extract.csv_file import CsvDeals
from convsync.extract.csv_form import FileForm
from convsync.extract.form_proposal import propose_form
from convsync.extract.sql import SqlClicks, SqlDeals
from convsync.extract.sql_sample import sample_of, tables_in
from convsync.extract.table_file import opened_table
from convsync.extract.table_proposal import TableProposal, propose_table
from convsync.opening import database_url
from convsync.settings import source_tables, tables
from convsync.settings.values import Table
from convsync.wiring.tables import ID_OF_TEMPLATE, click_source, deal_source

_LOOKED_AT: Final = 5_000
"""How many rows a proposal is made from."""
_NO_NAME: Final = re.compile(r"@|\d{7}|\d{4}-\d\d-\d\d")
"""What no column is called: an address, a phone, an ID, a date."""
_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*\Z")
_NAMES_SECRET: Final = re.compile(r"pass|pwd|secret|token|credential|key", re.IGNORECASE)
_OF_CLICKS: Final = "site"
_OF_DEALS: Final = "crm"
_DEFAULT: Final = asdict(FileForm())


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A source's table as it would stand in the configuration, and what is doubtful of it.

    `place` is where it would stand, such as `deals.crm`.
    """

    place: str
    table: Mapping[str, Any]
    doubts: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alone:
    """What stands around a source that has no configuration around it."""

    company: tables.Company
    folder: Path
    deals: Mapping[str, Table] = field(default_factory=dict)
    clicks: Mapping[str, Table] = field(default_factory=dict)
    destinations: Mapping[str, Any] = field(default_factory=dict)


def of_file(path: Path) -> Proposed:
    """Return what is proposed for a file; OperatorError where it holds no deals and no clicks."""
    form = propose_form(path)
    with opened_table(path, form) as file:
        _raise_if_no_header(path, file.header.names)
        rows = [row.cells for row in islice(file.rows(), _LOOKED_AT) if row.problem is None]
        if set(ID_OF_TEMPLATE) <= set(file.header.names):
            return _of_template(path, file.header.names, rows)
        proposal = propose_table(file.header.names, rows)
    laid_out = {key: value for key, value in asdict(form).items() if value != _DEFAULT[key]}
    return _proposed(str(path), {"kind": "csv", "path": str(path), **laid_out}, proposal)


def _raise_if_no_header(path: Path, names: Sequence[str]) -> None:
    """Raise OperatorError where the first row is one of the data; it is not shown then."""
    if any(map(_NO_NAME.search, names)):
        raise OperatorError(
            f"{path}: its first row looks like data, not like column names: export it with a header"
        )


def _of_template(path: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Proposed:
    """Return Google's template for offline conversions, every name in it taken for a sale's."""
    at = names.index("Conversion Name")
    found = dict.fromkeys(str(row[at]) for row in rows if at < len(row) and row[at])
    table = {
        "kind": "google_template",
        "path": str(path),
        "milestones": {"won": list(found)},
    }
    doubt = "every conversion name is taken for a sale: give those that are none their milestone"
    return Proposed(place=f"deals.{_OF_DEALS}", table=table, doubts=[doubt])


def holds_secret(url: str) -> bool:
    """Return whether a database's URL holds a password, be it among the driver's options."""
    address = make_url(url)
    return address.password is not None or any(map(_NAMES_SECRET.search, address.query))


def tables_of(url: str, folder: Path) -> list[str]:
    """Return the tables and views of a database."""
    return tables_in(_OF_DEALS, database_url(SecretStr(url), folder))


def written(table: str) -> str:
    """Return a table's name as a source's `query`, in which only a plain one may be bare."""
    return table if _PLAIN_NAME.match(table) else f'"{table}"'


def of_database(url: str, query: str, folder: Path) -> Proposed:
    """Return what is proposed for a table or query; raises what asking the database raises."""
    address = database_url(SecretStr(url), folder)
    header, rows = sample_of(_OF_DEALS, address, query, _LOOKED_AT)
    return _proposed(f"query '{query}'", {"kind": "sql", "url": url, "query": query},
                     propose_table(header, rows))  # fmt: skip


def source_of(
    proposed: Proposed, folder: Path, zone: ZoneInfo
) -> CsvDeals | SqlDeals | CsvClicks | SqlClicks | AccessLogClicks:
    """Return the source that is proposed, in a company that is nothing but its calendar."""
    around = _Alone(company=tables.Company(time_zone=zone), folder=folder)
    kind, _, name = proposed.place.partition(".")
    if kind == "clicks":
        clicks: source_tables.ClickSource = TypeAdapter(source_tables.ClickSource).validate_python(
            proposed.table
        )
        return click_source(name, clicks, around, None)
    deals: source_tables.FileDealsTable | source_tables.SqlDealsTable = TypeAdapter(
        source_tables.CsvDealsTable
        | source_tables.GoogleTemplateTable
        | source_tables.SqlDealsTable
    ).validate_python(proposed.table)
    return deal_source(name, deals, around)


def _proposed(what: str, settings: Mapping[str, Any], proposal: TableProposal) -> Proposed:
    if proposal.is_of_clicks:
        table = {**settings, **proposal.form, "columns": dict(proposal.columns)}
        return Proposed(place=f"clicks.{_OF_CLICKS}", table=table, doubts=proposal.doubts)
    missing = "deal's ID" if not proposal.columns["deal_id"] else "time of any milestone"
    if not proposal.columns["deal_id"] or not proposal.milestones:
        doubts = "".join(f" {doubt[0].upper()}{doubt[1:]}." for doubt in proposal.doubts)
        raise OperatorError(
            f"{what}: no column looks like the {missing}, and none has click IDs.{doubts} Copy an"
            " example config, and name the columns there; to join another table to the deals, use a"
            ' query with kind = "sql".'
        )
    parts = {
        "columns": dict(proposal.columns),
        "milestones": dict(proposal.milestones),
        "segments": dict(proposal.segments),
        "consent": dict(proposal.consent),
    }
    told = {key: part for key, part in parts.items() if part}
    table = {**settings, **proposal.form, **told}
    return Proposed(place=f"deals.{_OF_DEALS}", table=table, doubts=proposal.doubts)
