"""People planted into every field of every source come out nowhere but hashed.

Each column of an export, a query, a click log and each field of a CRM holds an address, a number or
a name in some row, be it the column of an ID, an amount or a time. After two nights and every
command that prints, none of it stands in the ledger, in what was printed or logged, in any file, or
in the platform's books. What a person typed into a mapped column of words cannot be told from other
words where it is a name, and stands as it was asked for.
"""

import base64
import codecs
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from convsync.sandbox.crm.book import CONTACT, Deal, Person
from convsync.sandbox.world_csv import CLICK_HEADER, DEAL_HEADER
from tests.cli.office import NEXT_NIGHT, NIGHT, CommandResult, Office

PLANTED: Final = (
    "xaverine@hidden.example",
    "+49 151 55501234",
    "0151/55501234",
    "Xaverine Quellmann",
)
SECRETS: Final = ("xaverine", "quellmann", "hidden.example", "55501234", "151 5550")
OF_WORDS: Final = frozenset({"Region", "Vertical"})
"""Mapped as segments: a name there is a word like any other."""
COMMANDS: Final = (
    f"check --as-of {NEXT_NIGHT}",
    f"plan --as-of {NEXT_NIGHT}",
    f"backfill --from 2026-02-01 --to 2026-03-04 --dry-run --as-of {NEXT_NIGHT}",
    "status",
    "status --format json",
    "explain D-Region-0",
    "explain D-E-mail-0 --format json",
    "audit list",
    "audit list --format json",
    "audit show D-Phone-1",
    "audit verify",
    "quarantine list",
    "quarantine list --format json",
    f"retry --as-of {NEXT_NIGHT}",
)


def forms(secret: str) -> Iterator[bytes]:
    """Yield a text in each of the forms that would hide it from somebody who only looks."""
    plain = secret.encode()
    yield plain
    yield plain.hex().encode()
    yield secret.encode("utf-16-le")
    yield codecs.encode(secret, "rot13").encode()
    yield plain[::-1]
    for shift in range(3):
        encoded = base64.b64encode(b" " * shift + plain)
        yield encoded[4 : len(encoded) // 4 * 4 - 4].lower()
    yield secret.replace(" ", "%20").replace("@", "%40").encode()


HIDDEN: Final = re.compile(
    b"|".join(sorted({re.escape(form) for one in SECRETS for form in forms(one) if len(form) > 4}))
)


def found_in(text: bytes) -> str | None:
    """Return where a person is found in something, None where nobody is."""
    found = HIDDEN.search(text.lower())
    return repr(text[max(0, found.start() - 100) : found.end() + 30]) if found else None


def plants(header: str) -> Iterator[tuple[str, int, str]]:
    """Yield every column with everything that is planted in it."""
    for column in header.split(","):
        for number, plant in enumerate(PLANTED):
            if column not in OF_WORDS or plant != PLANTED[-1]:
                yield column, number, plant


def plant_rows(office: Office) -> None:
    """Put people into every column of the export and of the click log."""
    office.deal("D-well")
    for column, number, plant in plants(DEAL_HEADER):
        name = f"D-{column.replace(' ', '-')}-{number}"
        office.deal(name)
        office.deals[name][column] = plant
        if number % 2:
            office.deals[name]["GCLID"] = ""
    for column, number, plant in plants(CLICK_HEADER):
        row = {
            "Clicked at": "2026-02-19T08:00:00Z",
            "GCLID": f"EAIaIQobChMI{number}{len(column)}xYz_D_BwE",
            "Visitor ID": f"V-{column}-{number}",
        }
        office.clicks[f"{column} {number}"] = {**row, column: plant}


def all_said(office: Office, *, commands: tuple[str, ...] = COMMANDS) -> str:
    """Work two nights, type every command, and return all that was printed and logged."""
    said: list[CommandResult] = []
    watched = ("--verbose", "--log-format", "json")
    for night in (NIGHT, NEXT_NIGHT):
        office.sandbox.platform.clock.set(datetime.fromisoformat(night))
        said.append(office.types(*watched, "run", "--as-of", night))
        assert said[-1].code in (0, 1), said[-1]
    for command in commands:
        said.append(office.types(*watched, *command.split()))
        assert said[-1].code in (0, 1, 3), (command, said[-1])
    said.append(office.types("quarantine", "export", str(office.folder / "quarantine.csv")))
    return "\n".join(f"{one.code} {one.out} {one.err}" for one in said)


def check_nobody_is_found(office: Office, said: str, *, sources: tuple[str, ...]) -> None:
    """Look for the people in what was said, in every file that was written, and in the books."""
    assert (found := found_in(said.encode())) is None, found
    books = json.dumps(office.sandbox.books.as_json(), default=str)
    assert (found := found_in(books.encode())) is None, found
    for file in office.folder.rglob("*"):
        if file.is_file() and file.name not in sources:
            found = found_in(file.read_bytes())
            assert found is None, (file.name, found)


@pytest.mark.long
def test_nobody_planted_in_files_comes_out(office: Office) -> None:
    plant_rows(office)
    office.write_files()
    said = all_said(office)
    check_nobody_is_found(office, said, sources=("deals.csv", "clicks.csv"))
    assert office.counted("333"), "the well row was sent"


@pytest.mark.long
def test_nobody_planted_in_a_database_comes_out(office: Office) -> None:
    plant_rows(office)
    for name, rows in (("deals", office.deals), ("clicks", office.clicks)):
        header = (DEAL_HEADER if name == "deals" else CLICK_HEADER).split(",")
        load(office.folder / "warehouse.db", name, header, rows)
        office.configure(
            f'kind = "csv"\npath = "{name}.csv"',
            f'kind = "sql"\nurl = "sqlite:///{office.folder}/warehouse.db"\n'
            f'query = "SELECT * FROM {name}"',
        )
    said = all_said(office)
    sources = ("deals.csv", "clicks.csv", "warehouse.db")
    check_nobody_is_found(office, said, sources=sources)
    assert office.counted("333"), "the well row was sent"


def load(path: Path, table: str, header: list[str], rows: Mapping[str, dict[str, str]]) -> None:
    connection = sqlite3.connect(path)
    named = ", ".join(f'"{name}" TEXT' for name in header)
    connection.execute(f"CREATE TABLE {table} ({named})")
    places = ", ".join("?" * len(header))
    cells = [[row.get(name, "") for name in header] for row in rows.values()]
    connection.executemany(f"INSERT INTO {table} VALUES ({places})", cells)
    connection.commit()
    connection.close()


CREATED: Final = datetime(2026, 2, 20, 9, tzinfo=UTC)
WON_AT: Final = datetime(2026, 3, 2, 17, tzinfo=UTC)
FIELDS: Final = (
    "email", "phone", "country", "consent", "gclid", "gbraid", "wbraid", "landing_page",
    "visitor_id",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("crm", ["hubspot", "salesforce", "pipedrive", "zoho", "dynamics", "odoo"])
def test_nobody_planted_in_a_crm_comes_out(office: Office, crm: str) -> None:
    made = office.moves_to(crm)
    well = Deal(
        deal_id="",
        created_at=CREATED,
        modified_at=WON_AT,
        entered=(("mql", CREATED), ("won", WON_AT)),
        amount=Decimal(1000),
        currency="EUR",
        fields={"gclid": "EAIaIQobChMIxYz_D_BwE"},
    )
    for number in range(1, 40):
        plant, field = PLANTED[number % 4], FIELDS[number % len(FIELDS)]
        person = Person(
            person_id=made.server.record_id(CONTACT, number),
            created_at=CREATED,
            modified_at=CREATED,
            fields={"gclid": f"EAIaIQ{number}xYz", field: plant},
        )
        made.book.put_person(person)
        deal = replace(
            well,
            deal_id=made.server.record_id("deal", number),
            name=plant,
            lost_reason=PLANTED[number % 3],
            owner=plant,
            people=(person.person_id,),
            fields={**well.fields, ("gclid" if number % 3 else "region"): PLANTED[number % 3]},
        )
        made.book.put(deal)
    made.book.put(replace(well, deal_id=made.server.record_id("deal", 41)))
    office.configure("attempts = 1", "attempts = 3")  # each command is a vendor's next second
    said = all_said(office, commands=(*COMMANDS[:2], "status", "quarantine list"))
    check_nobody_is_found(office, said, sources=("deals.csv", "clicks.csv"))
    assert office.counted("333"), "the well deal was sent"
