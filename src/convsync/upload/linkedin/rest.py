"""LinkedIn's Marketing API as conversions need it: dated by a header, one try a call.

Whether a request is made again is the outbox's to say. A token that ran out is renewed once.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from convsync.errors import OperatorError, TransientError
from convsync.http import Answer, Authorisation, Http, Verdict
from convsync.retrying import RetryPolicy
from convsync.upload.linkedin.answers import code_in, raise_if_it_stops, raise_if_passing
from convsync.upload.linkedin.conversions_api_codes import explain_code

HOST: Final = "https://api.linkedin.com"
_METHOD: Final = "X-RestLi-Method"


class LinkedInRest:
    """One ad account. Its methods raise TransientError where no answer came."""

    def __init__(
        self,
        name: str,
        account_id: str,
        authorisation: Authorisation,
        *,
        version: str,
        url: str,
        timeout: timedelta,
    ) -> None:
        self.name = name
        self.account_id = account_id
        self.version = version
        self._http = Http(
            name=name,
            base_url=url,
            authorisation=authorisation,
            judge=_is_read_as_it_is,
            policy=RetryPolicy(attempts=1),
            read_s=timeout.total_seconds(),
        )

    def send(self, body: Mapping[str, Any]) -> Answer:
        """Send events, as `request_of` makes them, and return whatever was answered."""
        headers = {**self._dated, _METHOD: "BATCH_CREATE"}
        return self._http.answer("POST", "rest/conversionEvents", json=body, headers=headers)

    def rules(self) -> Sequence[Mapping[str, Any]]:
        """Return the conversion rules of the account; raises as a Destination does."""
        account = f"urn:li:sponsoredAccount:{self.account_id}"
        answer = self._http.answer(
            "GET",
            "rest/conversions",
            params={"q": "account", "account": account},
            headers=self._dated,
        )
        about = f"{self.name} cannot read the conversion rules"
        raise_if_passing(answer, about=about)
        body = answer.body if isinstance(answer.body, Mapping) else {}
        if answer.status >= 400:
            code = code_in(answer)
            raise_if_it_stops(code, about=about)
            meaning = explain_code(code)
            said = f" {meaning.sentence} {meaning.fix}" if meaning else ""
            raise OperatorError(f"{about}: {code}.{said}")
        elements = body.get("elements")
        if not isinstance(elements, list):
            raise TransientError(f"{about}: LinkedIn answered without a list of them.")
        return [one for one in elements if isinstance(one, Mapping)]

    def close(self) -> None:
        """Give back the connection."""
        self._http.session.close()

    @property
    def _dated(self) -> Mapping[str, str]:
        return {"LinkedIn-Version": self.version, "X-Restli-Protocol-Version": "2.0.0"}


def _is_read_as_it_is(_: Answer) -> Verdict:
    """What a status means is for `answers` to say."""
    return "fine"
