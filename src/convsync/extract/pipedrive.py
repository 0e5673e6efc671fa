"""Deals from Pipedrive's API, version 2 (the changelog is still version 1).

What shapes it: won and lost are statuses and not stages, so they are stages of our own here; the
time a deal was won can be edited, so its truth is the changelog, which has no batch form: a deal
that has moved since it was made costs a call, one that has not costs none. Archived deals are deals
like any other, in a list of their own. Custom fields have keys of 40 hex digits that differ in
every account, so they are named by what people call them, or by the key.
https://developers.pipedrive.com/docs/api/v1/Deals
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.crm import (
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    batches,
    built,
    instant,
)
from convsync.extract.funnel import Entered, Stage, StageOutcome
from convsync.extract.mapping import CONTACT, DEAL, CrmMapping
from convsync.extract.oauth import Fetch, Token, granted
from convsync.extract.source import Departed
from convsync.http import Answer, Http, Verdict
from convsync.model.deal import Gone
from convsync.model.period import Period

_LISTS: Final = ("api/v2/deals", "api/v2/deals/archived")
_PERSONS: Final = "api/v2/persons"
_A_PAGE, _IDS, _KEYS, _SAMPLE = 500, 100, 15, 100
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before Pipedrive there was nothing; a window from earlier on is a first read of everything."""
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_WON, _LOST = "status:won", "status:lost"
_CLOSED: Final = (
    Stage(stage_id=_WON, name="Won", pipeline="any", position=1, outcome=StageOutcome.WON),
    Stage(stage_id=_LOST, name="Lost", pipeline="any", position=2, outcome=StageOutcome.LOST),
)
_A_DAY_S, _BURST_S = 24 * 3600.0, 2.0


class Pipedrive:
    """One Pipedrive company. Promises what Crm does."""

    lag = timedelta(0)
    overlap = timedelta(minutes=2)

    def __init__(self, http: Http, mapping: CrmMapping) -> None:
        self._http = http
        self._names = mapping.names
        self._stages: Mapping[str, Stage] = {}
        self._known: dict[str, _FieldNames] = {}

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every pipeline, and the statuses won and lost as two more.

        https://developers.pipedrive.com/docs/api/v1/Stages#getStages
        """
        pipelines = {one["id"]: one["name"] for one in self._all("api/v2/pipelines")}
        stages = [
            Stage(
                stage_id=str(one["id"]),
                name=one["name"],
                pipeline=pipelines.get(one["pipeline_id"], ""),
                position=int(one["order_nr"]),
            )
            for one in self._all("api/v2/stages")
        ]
        self._stages = {stage.stage_id: stage for stage in (*stages, *_CLOSED)}
        return list(self._stages.values())

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of deals and persons, custom ones by name and by key.

        A name that two custom fields share is left out: only their keys tell them apart.
        https://developers.pipedrive.com/docs/api/v1/DealFields
        """
        return [field for kind in (DEAL, CONTACT) for field in self._fields_of(kind).listed]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold. There are no leads here."""
        if kind not in (DEAL, CONTACT):
            return []
        known = self._fields_of(kind)
        newest = {"sort_by": "add_time", "sort_direction": "desc", "limit": _SAMPLE}
        path = _LISTS[0] if kind == DEAL else _PERSONS
        return [known.values(record, names) for record in self._page(path, newest)[0]]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals updated in the window, archived ones too, then those whose persons were."""
        first, _, cursor = (after or f"{_LISTS[0]}:").partition(":")
        is_first_read = window.since < _FIRST
        seen: set[str] = set()
        for path in _LISTS[_LISTS.index(first) :] if first in _LISTS else ():
            for records, following in self._listed(path, _between(window), cursor):
                if not is_first_read:
                    seen.update(str(record["id"]) for record in records)
                place = f"{path}:{following}" if following else f"{_after(path)}:"
                yield self._complete(records, place)
            cursor = ""
        if not is_first_read:
            yield from self._of_changed_persons(window, seen)

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal updated since the period began: none can have moved in it otherwise."""
        ever_since = Period(since=period.since, until=_LAST)
        for path in _LISTS:
            for records, _ in self._listed(path, _between(ever_since), ""):
                yield self._complete(records)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield deals deleted in the window; the loser of a merge is deleted, and names no winner.

        Pipedrive lists them for 30 days. That deleting moves `update_time` is unconfirmed.
        """
        deleted = {**_between(window), "status": "deleted"}
        for records, _ in self._listed(_LISTS[0], deleted, ""):
            yield from (Departed(deal_id=str(one["id"]), gone=Gone.DELETED) for one in records)

    # Which deals

    def _of_changed_persons(self, window: Period, seen: set[str]) -> Iterator[Page]:
        """Yield the deals of persons who changed; Pipedrive is asked for each of them alone."""
        for persons, _ in self._listed(_PERSONS, _between(window, status=None), ""):
            for person in persons:
                for path in _LISTS:
                    query = {"person_id": person["id"], "status": "open,won,lost"}
                    for records, _ in self._listed(path, query, ""):
                        others = [one for one in records if str(one["id"]) not in seen]
                        seen.update(str(one["id"]) for one in others)
                        yield self._complete(others)

    def _listed(
        self, path: str, query: Mapping[str, Any], cursor: str
    ) -> Iterator[tuple[list[dict[str, Any]], str]]:
        """Yield pages by ID, and the cursor of the one after each; "" after the last.

        The cursor names the next record and not a number of rows, so deals that leave the window
        while it is read shift nothing. One that is no longer good begins the list again.
        https://pipedrive.readme.io/docs/core-api-concepts-pagination
        """
        whole = {**query, "sort_by": "id", "sort_direction": "asc", "limit": _A_PAGE}
        kind = CONTACT if path == _PERSONS else DEAL
        whole |= self._fields_of(kind).query(self._names[kind])
        if kind == DEAL:
            whole["include_fields"] = "first_won_time,participants_count"
        while True:
            try:
                records, following = self._page(path, {**whole, **_cursor(cursor)})
            except UnexpectedResponseError:
                if not cursor:
                    raise
                records, following = self._page(path, whole)
            if following and following == cursor:
                raise UnexpectedResponseError(f"{self._http.name} repeats the page {cursor}.")
            if records or following:
                yield records, following
            if not following:
                return
            cursor = following

    def _all(self, path: str) -> list[dict[str, Any]]:
        """Return every record of a short list."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            records, following = self._page(path, {"limit": _A_PAGE, **_cursor(cursor)})
            found += records
            if not following or following == cursor:
                return found
            cursor = following

    def _page(self, path: str, query: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
        answer = self._http.get(path, query)
        try:
            more = answer.get("additional_data") or {}
            return list(answer["data"] or ()), more.get("next_cursor") or ""
        except (KeyError, TypeError, AttributeError):
            raise UnexpectedResponseError(f"{self._http.name}: {path} has no data.") from None

    # What they are

    def _complete(self, records: Sequence[dict[str, Any]], place: str | None = None) -> Page:
        """Return deals with their people and the stages they went through."""
        alone = {one["person_id"] for one in records if one.get("person_id") and not _several(one)}
        people = {person.record_id: person for person in self._persons(sorted(alone))}
        deals = [built(str(one["id"]), self._deal, one, people) for one in records]
        return Page(deals=deals, place=place)

    def _persons(self, ids: Sequence[int]) -> Iterator[Person]:
        """Yield persons, a hundred a call.

        https://developers.pipedrive.com/docs/api/v1/Persons#getPersons
        """
        known = self._fields_of(CONTACT)
        for batch in batches(ids, _IDS):
            query = {"ids": ",".join(map(str, batch)), "limit": _IDS}
            query |= known.query(self._names[CONTACT])
            for record in self._page(_PERSONS, query)[0]:
                yield self._person(record)

    def _participants(self, deal_id: int) -> list[Person]:
        """Return everybody behind a deal that has several: the API has no batch for it."""
        known = self._fields_of(CONTACT).query(self._names[CONTACT])
        query = {"deal_id": deal_id, "limit": _A_PAGE, **known}
        return [self._person(record) for record in self._page(_PERSONS, query)[0]]

    def _person(self, record: Mapping[str, Any]) -> Person:
        return Person(
            kind=CONTACT,
            record_id=str(record["id"]),
            created_at=instant(record.get("add_time")),
            fields=self._fields_of(CONTACT).values(record, self._names[CONTACT]),
        )

    def _deal(self, record: Mapping[str, Any], people: Mapping[str, Person]) -> CrmDeal:
        stage = self._stages.get(str(record["stage_id"]))
        if _several(record):
            behind = self._participants(record["id"])
        else:
            person = people.get(str(record.get("person_id")))
            behind = [person] if person else []
        value = record.get("value")
        return CrmDeal(
            deal_id=str(record["id"]),
            created_at=instant(record["add_time"]),
            modified_at=instant(record.get("update_time")),
            entered=self._entered(record),
            amount=value,
            currency=record.get("currency"),
            attributes={
                "owner": str(record.get("owner_id") or ""),
                "pipeline": stage.pipeline if stage else str(record.get("pipeline_id") or ""),
                "stage": stage.name if stage else str(record["stage_id"]),
                "lost_reason": record.get("lost_reason") or "",
            },
            fields=self._fields_of(DEAL).values(record, self._names[DEAL]),
            people=behind,
        )

    def _entered(self, record: Mapping[str, Any]) -> list[Entered]:
        """Return the stages a deal came into; one that never moved says so itself."""
        added_at = instant(record["add_time"])
        if added_at is None:
            return []
        moved_at = instant(record.get("stage_change_time"))
        if record["status"] == "open" and moved_at in (None, added_at):
            return [Entered(str(record["stage_id"]), added_at)]
        changes = sorted(self._changes(record["id"]), key=lambda change: change[0])
        moves = [old for _, key, old, _ in changes if key == "stage_id"]
        stage = str(moves[0] if moves else record["stage_id"])
        entered = [Entered(stage, added_at)]
        for at, key, _, new in changes:
            stage = str(new) if key == "stage_id" else stage
            status = f"status:{new}" if key == "status" else ""
            entered.append(Entered(status if status in (_WON, _LOST) else stage, at))
        closed = f"status:{record['status']}"
        if closed in (_WON, _LOST) and entered[-1].stage_id != closed:
            entered.append(Entered(closed, _closed_at(record) or added_at))
        return entered

    def _changes(self, deal_id: int) -> Iterator[tuple[datetime, str, Any, Any]]:
        """Yield when a deal's stage or status changed, which, from what and to what.

        https://developers.pipedrive.com/docs/api/v1/Deals#getDealChangelog
        """
        path, cursor = f"api/v1/deals/{deal_id}/changelog", ""
        while True:
            records, following = self._page(path, {"limit": _A_PAGE, **_cursor(cursor)})
            for one in records:
                at = instant(one["time"])
                if one["field_key"] in ("stage_id", "status") and at:
                    yield at, one["field_key"], one["old_value"], one["new_value"]
            if not following or following == cursor:
                return
            cursor = following

    def _fields_of(self, kind: str) -> "_FieldNames":
        if kind not in self._known:
            path = "api/v2/dealFields" if kind == DEAL else "api/v2/personFields"
            self._known[kind] = _FieldNames(kind, self._all(path))
        return self._known[kind]


class _FieldNames:
    """The fields of a kind of record: what people call them, and what the API does."""

    def __init__(self, kind: str, described: Sequence[Mapping[str, Any]]) -> None:
        custom = [one for one in described if one["is_custom_field"]]
        times = Counter(one["field_name"] for one in custom)
        self._keys = {
            one["field_name"]: one["field_code"] for one in custom if times[one["field_name"]] == 1
        }
        self._custom = {one["field_code"] for one in custom}
        self._labels = {
            one["field_code"]: {str(option["id"]): option["label"] for option in one["options"]}
            for one in described
            if one.get("options")
        }
        named = {one["field_code"]: one for one in described}
        self.listed = [
            *(_described(kind, name, named[key]) for name, key in self._keys.items()),
            *(_described(kind, key, one) for key, one in named.items()),
            *(
                CrmField(kind=kind, name=name, label=name, type="text")
                for name in (_LISTED if kind == CONTACT else ())
                if name not in named
            ),
        ]

    def query(self, names: Sequence[str]) -> dict[str, str]:
        """Return what asks for these fields alone, where the API takes so many; it takes 15."""
        keys = [key for name in names if (key := self._keys.get(name, name)) in self._custom]
        return {"custom_fields": ",".join(keys)} if 0 < len(keys) <= _KEYS else {}

    def values(self, record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Return what a record holds in fields, options by their labels."""
        custom = record.get("custom_fields") or {}
        found = {}
        for name in names:
            key = self._keys.get(name, name)
            value = custom.get(key) if key in self._custom else record.get(key)
            found[name] = _plain(value, self._labels.get(key, {}))
        return found


_LISTED = ("emails", "phones")
"""The keys of a person's addresses and numbers in version 2."""
_LENGTHS = {"varchar": 255, "varchar_auto": 255, "phone": 255, "text": 65_535}
"""https://developers.pipedrive.com/docs/api/v1/DealFields: lengths go by type."""


def judge(answer: Answer) -> Verdict:
    """Return what Pipedrive means by a status that says too little, or by success: false.

    https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting
    """
    body = answer.body if isinstance(answer.body, dict) else None
    match answer.status:
        case 429 if answer.headers.get("x-daily-ratelimit-token-remaining") == "0":
            return TransientError(
                f"{answer.place}: the company's daily budget of tokens is used up.",
                retry_after_s=_A_DAY_S,
            )
        case 429:
            reset = answer.headers.get("x-ratelimit-reset", "")
            asked = float(reset) if reset.isdigit() else _BURST_S
            return TransientError(
                f"{answer.place}: the burst limit is reached.",
                retry_after_s=max(answer.retry_after_s or 0.0, asked),
            )
        case 403 if body is None:
            return TransientError(
                f"{answer.place}: this token is shut out for having ignored the burst limit.",
                retry_after_s=_A_DAY_S,
            )
        case 403:
            return OperatorError(
                f"{answer.place} may not be read: the app lacks the scope deals:read,"
                " contacts:read or recents:read, or its user the right."
            )
        case 402:
            return OperatorError(f"{answer.place}: the Pipedrive company is closed or unpaid.")
        case 200 if body is not None and body.get("success") is False:
            return UnexpectedResponseError(
                f"{answer.place} says 200 and means an error ({body.get('errorCode')})."
            )
    return None


def refreshing(http: Http, refresh_token: str) -> Fetch:
    """Return what gets an access token, good for an hour. `http` signs in as the app itself.

    https://pipedrive.readme.io/docs/marketplace-oauth-authorization
    """

    def fetch(last: Token | None) -> Token:
        asked_at = http.clock()
        token = (last and last.refresh_token) or refresh_token
        grant = {"grant_type": "refresh_token", "refresh_token": token}
        return granted(http.name, http.form("oauth/token", grant), asked_at)

    return fetch


def _between(window: Period, status: str | None = "open,won,lost") -> dict[str, str]:
    """Return a window in whole seconds: fractions are refused. The overlap covers what they cut."""
    query = {"updated_until": _stamp(window.until)} if window.until < _LAST else {}
    if window.since >= _FIRST:
        query["updated_since"] = _stamp(window.since)
    return query if status is None else {**query, "status": status}


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cursor(cursor: str) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


def _after(path: str) -> str:
    """Return the list that is read after this one."""
    return dict(zip(_LISTS, (*_LISTS[1:], _PERSONS), strict=True))[path]


def _several(record: Mapping[str, Any]) -> bool:
    return int(record.get("participants_count") or 0) > 1


def _closed_at(record: Mapping[str, Any]) -> datetime | None:
    if record["status"] == "won":
        return instant(record.get("first_won_time")) or instant(record.get("won_time"))
    return instant(record.get("lost_time"))


def _described(kind: str, name: str, field: Mapping[str, Any]) -> CrmField:
    return CrmField(
        kind=kind,
        name=name,
        label=field["field_name"],
        type=field["field_type"],
        longest=_LENGTHS.get(field["field_type"]),
    )


def _plain(value: Any, labels: Mapping[str, str]) -> Any:
    """Return a value as a cell: options by label, money with its currency, lists joined."""
    match value:
        case {"value": amount, "currency": currency}:
            return f"{amount} {currency}"
        case {"value": inner}:
            return inner
        case list():
            return ";".join(str(_plain(one, labels)) for one in value)
        case int() | str() if str(value) in labels:
            return labels[str(value)]
    return value
