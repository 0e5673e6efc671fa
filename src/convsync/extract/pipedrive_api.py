"""Pipedrive's API as calls: pages after a cursor, the names of fields, signing in, and errors.

What shapes it: cursors name the next record; unknown parameters are refused; lists take fifteen
custom fields by key; calls cost tokens, of which there are so many a day and in two seconds, and
only headers say which of the two limits has been reached.
https://pipedrive.readme.io/docs/core-api-concepts-about-pipedrive-api
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.crm_adapter import CrmField
from convsync.extract.mapping import CONTACT, DEAL
from convsync.extract.paging import pages_by_cursor
from convsync.http import Answer, Http, Verdict
from convsync.pace import Limit
from convsync.signing_in.tokens import Fetch, Token, granted

PipedriveRecord = dict[str, Any]
A_PAGE: Final = 500
AT_ONCE: Final = 6
TOKEN_LIMITS: Final = (Limit(requests=18, seconds=2),)
APP_LIMITS: Final = (Limit(requests=72, seconds=2),)
"""A tenth below the burst limits of the smallest plan, for an API token and for an app.
https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting"""
_KEYS = 15
_A_DAY_S, _BURST_S = 24 * 3600.0, 2.0
_IN_V2 = {"email": "emails", "phone": "phones"}
"""A person's addresses and numbers, in the lists of fields and in records of version 2."""
_LENGTHS = {"varchar": 255, "varchar_auto": 255, "phone": 255, "text": 65_535}
"""https://developers.pipedrive.com/docs/api/v1/DealFields: lengths go by type."""


class Api:
    """The API of one company. What is called raises what `Http` raises."""

    def __init__(self, http: Http, *, a_page: int = A_PAGE) -> None:
        self._http = http
        self._a_page = a_page
        self._known: dict[str, FieldNames] = {}
        self.together = http.together

    def pages(
        self, path: str, query: Mapping[str, Any], cursor: str = ""
    ) -> Iterator[tuple[list[PipedriveRecord], str]]:
        """Return pages as `pages_by_cursor` does, from a cursor on that may be an earlier run's.

        The cursor names the next record and not a number of rows.
        https://pipedrive.readme.io/docs/core-api-concepts-pagination
        """

        def read(cursor: str) -> tuple[list[PipedriveRecord], str]:
            return self.page(path, {**query, **({"cursor": cursor} if cursor else {})})

        return pages_by_cursor(f"{self._http.name} {path}", read, cursor)

    def all(self, path: str) -> list[PipedriveRecord]:
        """Return every record of a short list."""
        return [one for records, _ in self.pages(path, {}) for one in records]

    def page(self, path: str, query: Mapping[str, Any]) -> tuple[list[PipedriveRecord], str]:
        """Return one page, and the cursor of the next; empty where the judge let an error pass."""
        answer = self._http.get(path, {"limit": self._a_page, **query})
        try:
            if not answer["success"]:
                return [], ""
            records, more = list(answer["data"] or ()), answer.get("additional_data")
            following = (more or {}).get("next_cursor") or ""
            if more is None and len(records) >= int(query.get("limit", self._a_page)):
                raise UnexpectedResponseError(
                    f"{self._http.name}: a full page of {path} does not say whether it is the last."
                )
            return records, str(following)
        except (KeyError, TypeError, AttributeError):
            raise UnexpectedResponseError(f"{self._http.name}: {path} has no data.") from None

    def change(self, deal_id: str, values: Mapping[str, str | float]) -> PipedriveRecord:
        """Change custom fields of a deal, by their keys; return it as it is then.

        https://developers.pipedrive.com/docs/api/v1/Deals#updateDeal
        """
        body = {"custom_fields": values}
        answer = self._http.answer("PATCH", f"api/v2/deals/{deal_id}", json=body).body
        try:
            record: PipedriveRecord = answer["data"]
        except (KeyError, TypeError):
            raise UnexpectedResponseError(
                f"{self._http.name}: a changed deal is missing."
            ) from None
        return record

    def fields_of(self, kind: str) -> "FieldNames":
        """Return the fields of deals or persons, asked for once."""
        if kind not in self._known:
            path = "api/v2/dealFields" if kind == DEAL else "api/v2/personFields"
            self._known[kind] = FieldNames(kind, self.all(path))
        return self._known[kind]


class FieldNames:
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
                for name in (chain(*_IN_V2.items()) if kind == CONTACT else ())
                if name not in named
            ),
        ]

    def query(self, names: Sequence[str]) -> dict[str, str]:
        """Return what asks for these fields alone, where the API takes so many; it takes 15."""
        keys = [key for name in names if (key := self._keys.get(name, name)) in self._custom]
        return {"custom_fields": ",".join(keys)} if 0 < len(keys) <= _KEYS else {}

    def key_of(self, name: str) -> str:
        """Return the key of a field by its name; a key stands for itself."""
        key: str = self._keys.get(name, name)
        return key

    def is_custom(self, name: str) -> bool:
        """True where somebody of the company made the field."""
        return self.key_of(name) in self._custom

    def values(self, record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Return what a record holds in fields, options by their labels."""
        custom = record.get("custom_fields") or {}
        found = {}
        for name in names:
            key = self._keys.get(name, name)
            held = custom if key in self._custom else record
            value = held.get(key, record.get(_IN_V2.get(key, "")))
            found[name] = _plain(value, self._labels.get(key, {}))
        return found


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
                f"{answer.place}: this token is blocked for ignoring the burst limit.",
                retry_after_s=_A_DAY_S,
            )
        case 403 if " PATCH " in answer.place:
            return OperatorError(
                f"{answer.place} was refused: the app lacks the scope deals:full, or its user the"
                " right to edit deals."
            )
        case 403:
            return OperatorError(
                f"{answer.place} may not be read: the app lacks the scope deals:read,"
                " contacts:read or recents:read, or its user the right."
            )
        case 404 if answer.place.endswith("/changelog"):  # deleted for good meanwhile
            return "fine"
        case 400 if answer.place.endswith("/oauth/token"):
            return OperatorError(
                f"{answer.place} no longer accepts the app: correct client_id and client_secret, or"
                " install the app again for a new refresh token. One unused for 60 days expires."
            )
        case 402:
            return OperatorError(f"{answer.place}: the Pipedrive company is closed or unpaid.")
        case 200 if body is not None and body.get("success") is False:
            return UnexpectedResponseError(
                f"{answer.place} says 200 and means an error ({answer.code or 'no code'})."
            )
    return None


def refreshing(http: Http, refresh_token: str) -> Fetch:
    """Return what gets an access token, good for an hour. `http` signs in as the app itself.

    https://pipedrive.readme.io/docs/marketplace-oauth-authorization
    """

    def fetch(last: Token | None) -> Token:
        token = (last and last.refresh_token) or refresh_token
        grant = {"grant_type": "refresh_token", "refresh_token": token}
        return granted(http, "oauth/token", grant)

    return fetch


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
        case {"value": amount, "currency": currency} if amount is not None:
            return f"{amount} {currency}"
        case {"value": inner}:
            return inner
        case list():
            return ";".join(str(_plain(one, labels)) for one in value)
        case int() | str() if str(value) in labels:
            return labels[str(value)]
    return value
