"""How Odoo is called: JSON-2 from Odoo 19 on, JSON-RPC from 11 to 18, and what its errors mean.

Both call a method of a model with named arguments and return what it returns, so nothing beyond
this module knows which is spoken. Odoo calls an error by a Python class, whose name is all that is
read of it: messages are in the user's language, and may name people.
https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from convsync.errors import ConvsyncError, OperatorError, TransientError, UnexpectedResponseError
from convsync.http import Answer, Http, NotJson, Verdict
from convsync.vendor_words import code_of


class NotReadableError(OperatorError):
    """A model is not there, or this user may not read it: whoever asked knows what it is for."""


class NotThereError(NotReadableError):
    """A model is not there: no right helps, an app does."""


class Transport(Protocol):
    """A way to call a method of a model by named arguments. Raises what `Http` raises."""

    @property
    def name(self) -> str:
        """Return what messages call this Odoo."""

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """Return what the method returns."""


class Json2:
    """`/json/2/<model>/<method>`, from Odoo 19 on. The key is the session's authorisation.

    https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
    """

    def __init__(self, http: Http, database: str) -> None:
        self.name = http.name
        self._http = http
        self._headers = {"X-Odoo-Database": database}

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """Call a method; the body's keys are its arguments."""
        return self._http.post(f"json/2/{model}/{method}", arguments, headers=self._headers)


class JsonRpc:
    """`/jsonrpc`, up to Odoo 18 and deprecated since: errors come inside an HTTP 200.

    Named arguments alone are used, of which `search_read` and `fields_get` have had the same ones
    since Odoo 11. https://www.odoo.com/documentation/18.0/developer/reference/external_api.html
    """

    def __init__(self, http: Http, database: str, username: str, key: str) -> None:
        self.name = http.name
        self._http = http
        self._database = database
        self._username = username
        self._key = key
        self._uid: int | None = None

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """Call a method through `execute_kw`."""
        who = [self._database, self._signed_in(), self._key]
        return self._served("object", "execute_kw", [*who, model, method, [], arguments])

    def _signed_in(self) -> int:
        if self._uid is None:
            words = [self._database, self._username, self._key, {}]
            uid = self._served("common", "authenticate", words)
            if not uid:
                raise OperatorError(
                    f"{self.name} refused the sign-in: check database, username and api_key."
                )
            self._uid = int(uid)
        return self._uid

    def _served(self, service: str, method: str, args: Sequence[Any]) -> Any:
        params = {"service": service, "method": method, "args": list(args)}
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        answer = self._http.post("jsonrpc", body)
        if not isinstance(answer, dict) or "jsonrpc" not in answer:
            raise UnexpectedResponseError(f"{self.name} did not answer with JSON-RPC.")
        return answer.get("result")


_MEANING: Final[Mapping[str, tuple[type[ConvsyncError], str]]] = {
    "AccessDenied": (OperatorError, "the API key is wrong, has expired, or is not this user's"),
    "Unauthorized": (OperatorError, "the API key is wrong, has expired, or is not this user's"),
    "AccessError": (NotReadableError, "this user may not read that"),
    "NotFound": (NotThereError, "it is not there: an app is not installed, or this API is off"),
    "DeadlockDetected": (TransientError, "the database is busy"),
    "LockError": (TransientError, "the database is busy"),
    "LockNotAvailable": (TransientError, "the database is busy"),
    "OperationalError": (TransientError, "the database is busy"),
    "SerializationFailure": (TransientError, "the database is busy"),
}
"""By the last part of an error's name. With any other the request is at fault, over JSON-2 if the
error is one of Python's own: the same request would raise it again.

https://github.com/odoo/odoo/blob/19.0/odoo/exceptions.py
https://github.com/odoo/odoo/blob/19.0/odoo/service/model.py
"""


def judge(answer: Answer) -> Verdict:
    """Return what Odoo means: by status over JSON-2, inside a 200 over JSON-RPC."""
    body = answer.body if isinstance(answer.body, dict) else {}
    inside = body.get("error")
    if answer.status == 200 and not isinstance(inside, dict):
        return None
    if answer.status == 404 and isinstance(answer.body, NotJson):
        return OperatorError(
            f"{answer.place} is not there: check url, database, and api (json2 from Odoo 19 on)."
        )
    details = inside.get("data") if isinstance(inside, dict) else body
    data = details if isinstance(details, dict) else {}
    name = str(data.get("name") or "")
    if name.endswith("OperationalError") and "does not exist" in str(data.get("message")):
        return OperatorError(f"{answer.place}: there is no database of that name.")
    if meant := _MEANING.get(name.rpartition(".")[2]):
        kind, words = meant
        return kind(f"{answer.place}: {words}.")
    if isinstance(inside, dict) or name.startswith("builtins."):
        return UnexpectedResponseError(
            f"{answer.place} answered {answer.status}, but reports {code_of(name) or 'an error'}."
        )
    return None
