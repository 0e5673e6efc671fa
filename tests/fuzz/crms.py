"""Answers of CRMs of which one value of one answer is spoilt at a time.

A small company is read from each CRM, unspoilt first. Then one value anywhere in an answer is made
another thing, and stays so however often it is asked for. What must hold: the read ends, with an
error of ours or without; and where what is spoilt belongs to one record, every other deal comes as
it came before, and that one comes, too, or is quarantined.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import responses

from convsync.errors import ConvsyncError
from convsync.extract.source import Quarantined
from convsync.model.deal import Deal
from tests.contract.crm_suite import CrmOffice
from tests.contract.source_suite import WINDOW, put_deal, put_person
from tests.contract.test_dynamics_source import DynamicsOffice
from tests.contract.test_hubspot_source import HubSpotOffice
from tests.contract.test_odoo_source import OdooOffice
from tests.contract.test_pipedrive_source import PipedriveOffice
from tests.contract.test_salesforce_source import SalesforceOffice
from tests.contract.test_zoho_source import ZohoOffice
from tests.fuzz.figures import Figures, watched

OFFICES: Final[dict[str, type[CrmOffice]]] = {
    "hubspot": HubSpotOffice,
    "salesforce": SalesforceOffice,
    "pipedrive": PipedriveOffice,
    "zoho": ZohoOffice,
    "dynamics": DynamicsOffice,
    "odoo": OdooOffice,
}
DEALS: Final = 5
ODD: Final[Sequence[Any]] = (
    None, True, False, "", " ", "x", 0, -1, 7, 1.5, 1e308, [], {}, [None], {"id": None},
    "0000-00-00 00:00:00", "9999-12-31T23:59:59Z", "9999-12-31 23:59:59", "half \ud83d a pair",
    "NUL \0 inside", "y" * 50_000, [[[[[[]]]]]], "jane@example.org", "-1", "NaN", "1e999999",
)  # fmt: skip
_GONE: Final = object()
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """One value of the answers of one path, in every record like `record`, or in all of them."""

    route: str
    record: str | None
    path: Path
    value: Any

    def body(self, route: str, body: Any) -> Any:
        """Return an answer's body with the value in it."""
        if route != self.route:
            return body
        whole = json.loads(json.dumps(body, default=float))
        if self.record is None:
            return _with(whole, self.path, self.value)
        for path, element in _elements(whole):
            if json.dumps(element, sort_keys=True) == self.record:
                whole = _with(whole, (*path, *self.path), self.value)
        return whole


class Company:
    """A CRM's office with a few deals, each with a contact, and what its read says unspoilt."""

    def __init__(self, kind: str, mock: responses.RequestsMock) -> None:
        self.kind = kind
        self.office = OFFICES[kind](mock)
        for number in range(1, DEALS + 1):
            person = put_person(
                self.office, 900 + number, fields={"email": f"p{number}@example.com"}
            )
            put_deal(self.office, number, people=(person,), fields={"region": f"North {number}"})
        self.setting_up: list[tuple[str, Any]] = []
        self.answers: list[tuple[str, Any]] = []
        self._watch(self.setting_up)
        self.office.source().check_columns()
        self._watch(self.answers)
        self.office.over_http.count = 0
        self.before = self.read()
        self.requests = self.office.over_http.count

    def _watch(self, into: list[tuple[str, Any]]) -> None:
        def watch(route: str, body: Any) -> Any:
            into.append((route, body))
            return body

        self.office.over_http.spoil = watch

    def read(self) -> dict[str | None, Deal | Quarantined]:
        return {
            one.deal_id: one
            for one in self.office.source().read_changed(WINDOW)
            if isinstance(one, Deal | Quarantined)
        }

    def spoilt(self, chance: random.Random) -> tuple[Spoilt, bool]:
        """Return something spoilt, and whether it belongs to one record among several."""
        route, body = chance.choice(self.answers)
        path = _some_path(body, chance)
        value = chance.choice((*ODD, _GONE))
        within = [number for number, step in enumerate(path) if isinstance(step, int)]
        whole = json.loads(json.dumps(body, default=float))
        if within and within[0] < len(path) - 1:
            element, rest = path[: within[0] + 1], path[within[0] + 1 :]
            record = json.dumps(_at(whole, element), sort_keys=True)
            is_set_up = route.endswith("/transactioncurrencies") or any(
                (route, body) == one for one in self.setting_up
            )
            is_ones_own = not is_set_up and len(_at(whole, element[:-1])) == DEALS
            return Spoilt(route=route, record=record, path=rest, value=value), is_ones_own
        return Spoilt(route=route, record=None, path=path, value=value), False

    def lacking(self) -> Iterator[Spoilt]:
        """Yield each field of a deal's own records, gone from one of them."""
        for route, body in self.answers:
            whole = json.loads(json.dumps(body, default=float))
            lists = {path[:-1] for path, _ in _elements(whole) if path}
            for path in sorted(lists, key=repr):
                records = _at(whole, path)
                if isinstance(records, list) and len(records) == DEALS:
                    first = json.dumps(records[0], sort_keys=True)
                    for name in records[0] if isinstance(records[0], dict) else ():
                        yield Spoilt(route=route, record=first, path=(name,), value=_GONE)


def each_field_gone(kind: str) -> Figures:
    """Read a company of this CRM, each time with another field gone from a record of one deal."""
    figures = Figures(kind=kind)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        company = Company(kind, mock)
        for spoilt in [*company.lacking()]:
            about = f"{kind}: {spoilt.route} without {spoilt.path[0]}"
            with watched(figures, about):
                _read(company, figures, about, spoilt=spoilt, is_ones_own=False)
    return figures


def fuzz_crm(kind: str, cases: int, seed: int) -> Figures:
    """Read a company of this CRM so many times, each with something else spoilt."""
    figures = Figures(kind=kind)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        company = Company(kind, mock)
        for number in range(cases):
            chance = random.Random(f"{kind} {seed} {number}")
            spoilt, is_ones_own = company.spoilt(chance)
            about = f"{kind} {seed} {number}: {spoilt.route} {spoilt.path} = {spoilt.value!r:.40}"
            with watched(figures, about):
                _read(company, figures, about, spoilt=spoilt, is_ones_own=is_ones_own)
    return figures


def _read(
    company: Company, figures: Figures, about: str, *, spoilt: Spoilt, is_ones_own: bool
) -> None:
    company.office.over_http.spoil = spoilt.body
    company.office.over_http.count = 0
    try:
        found = company.read()
    except ConvsyncError as error:
        figures.errors += 1
        if is_ones_own:
            figures.wrong.append(f"{about} stops the read: {error}")
    else:
        is_reported = any(isinstance(one, Quarantined) for one in found.values())
        figures.reported += is_reported
        figures.read += not is_reported
        figures.wrong += [f"{about} {what}" for what in _lost(company, found, is_ones_own)]
    if company.office.over_http.count > 60 * company.requests:
        figures.wrong.append(f"{about} costs {company.office.over_http.count} requests")


def _lost(
    company: Company, found: dict[str | None, Deal | Quarantined], is_ones_own: bool
) -> Iterator[str]:
    changed = [one for one, deal in company.before.items() if found.get(one) != deal]
    if is_ones_own and len(changed) > 1:
        yield f"changes {len(changed)} deals"
    missing = [one for one in changed if one not in found]
    if is_ones_own and missing and len(found) < DEALS:
        yield "loses its deal unsaid"


def _some_path(body: Any, chance: random.Random) -> Path:
    """Return the way to some value, down at random; records are as likely as what is in them."""
    path: list[str | int] = []
    while isinstance(body, dict | list) and body:
        step = chance.choice(list(body)) if isinstance(body, dict) else chance.randrange(len(body))
        path.append(step)
        body = body[step]
        if chance.random() < 0.1:
            break
    return tuple(path)


def _elements(body: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the elements of the outermost lists of a body."""
    if isinstance(body, list):
        yield from (((*path, number), one) for number, one in enumerate(body))
    elif isinstance(body, dict):
        for name, inner in body.items():
            yield from _elements(inner, (*path, name))


def _at(body: Any, path: Path) -> Any:
    for step in path:
        body = body[step]
    return body


def _with(body: Any, path: Path, value: Any) -> Any:
    """Put a value, or take what is there away; a body without such a place stays as it is."""
    if not path:
        return None if value is _GONE else value
    try:
        inside = _at(body, path[:-1])
        if value is _GONE:
            del inside[path[-1]]
        else:
            inside[path[-1]] = value
    except (LookupError, TypeError):
        pass
    return body
