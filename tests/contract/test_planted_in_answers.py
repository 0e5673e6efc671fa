"""Whatever field of a CRM's answers holds a person, nothing that leaves the reader does.

Each value of each answer is made an e-mail address, a phone number or a name in turn, in the place
of an ID, a stage or an owner included. A name in a field of words cannot be told from other words:
where a field is mapped, or names a stage, it stands.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import responses

from convsync.errors import ConvsyncError
from tests.contract.crm_suite import mock
from tests.contract.source_suite import WINDOW
from tests.fuzz.crms import OFFICES, Company, Path, Spoilt

__all__ = ["mock"]

PLANTED: Final = (
    "xaverine@hidden.example",
    "+49 151 55501234",
    "0151 55501234",
    "Xaverine Quellmann",
)
FOUND: Final = re.compile(r"xaverine|quellmann|5550\s?1234", re.IGNORECASE)
SET_UP: Final = re.compile(r"stage|pipeline")
IDS: Final = re.compile(r"(?:^|_)(?:id|user_?id|owner_?id(?:_value)?)$|Id$|merged", re.IGNORECASE)


def places(body: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the way to each value of the first record of each list."""
    if isinstance(body, dict):
        for name, inner in body.items():
            yield from places(inner, (*path, name))
    elif isinstance(body, list):
        for number, inner in enumerate(body[:1]):
            yield from places(inner, (*path, number))
    elif path:
        yield path


def fields_of(company: Company) -> Iterator[tuple[str, Path]]:
    """Yield each field of each kind of answer once."""
    seen: set[tuple[str, Path]] = set()
    for route, body in company.answers:
        for path in places(json.loads(json.dumps(body, default=float))):
            field = re.sub("[0-9]+", "", route), path
            if field not in seen:
                seen.add(field)
                yield route, path


def told(company: Company) -> str:
    """Return all that a read lets out: its records, the stages to remember, its error."""
    source, out = company.office.source(), list[str]()
    try:
        out += map(repr, source.read_changed(WINDOW))
    except ConvsyncError as error:
        out.append(str(error))
    return "\n".join([*out, repr(source.stages_seen)])


@pytest.mark.long
@pytest.mark.parametrize("kind", OFFICES)
def test_no_field_of_an_answer_lets_a_person_out(kind: str, mock: responses.RequestsMock) -> None:
    company = Company(kind, mock)
    for number, (route, path) in enumerate(fields_of(company)):
        names_a_field = route.split("/")[-1] in ("contacts", "Attributes", "fields_get")
        is_id = bool(IDS.search(str(path[-1]))) and not SET_UP.search(f"{route} {path[-1]}")
        plants = PLANTED if is_id else (PLANTED[number % 3],)
        for plant in () if names_a_field else plants:
            spoilt = Spoilt(route=route, record=None, path=path, value=plant)
            company.office.over_http.spoil = spoilt.body
            found = FOUND.search(out := told(company))
            assert not found, (route, path, plant, out[max(0, found.start() - 80) : found.end()])
