"""Salesforce's APIs as calls: SOQL over REST, bulk query jobs, signing in, and what errors mean.

What shapes it: a URL and its headers together may take 16,384 bytes, so lists of IDs are cut to
fit; a query's answer may come in several parts although fewer rows than asked for are left; errors
are an array, but an object where one signs in; limits are a 403 without Retry-After.
https://developer.salesforce.com/docs/platform/api-rest/guide/intro-rest.html
"""

import csv
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.crm_adapter import batches
from convsync.extract.paging import Unrepeated
from convsync.http import Answer, Http, Verdict
from convsync.process.guides import located
from convsync.signing_in.tokens import Fetch, Token, access_token_in
from convsync.vendor_words import code_of, name_of

VERSION: Final = "v68.0"
AT_ONCE: Final = 5
"""Of the 25 calls that may run at once for longer than 20 seconds, most are left to others."""
SalesforceRecord = Mapping[str, Any]
_TOKEN: Final = "services/oauth2/token"  # noqa: S105 - where one is had
_LONGEST_URL, _AN_ID = 12_000, len(quote_plus("'0065g00000B1xQbAAJ',"))
"""4,384 bytes are left to the headers; a token alone may take 2,000."""
_A_RESULT = 50_000
_POLLS_S = (2.0, 4.0, 8.0, 15.0, *[30.0] * 118)
"""When a bulk job is looked at: often at first, and for an hour."""
_SESSION = timedelta(hours=2)
_ASSERTION = timedelta(minutes=2)
_BUSY_S, _AN_HOUR_S = 20.0, 3600.0


class Api:
    """The data API of one org. What is called raises what `Http` raises."""

    def __init__(self, http: Http, version: str = VERSION) -> None:
        self._http = http
        self._base = f"services/data/{version}"

    def query(self, soql: str, *, with_deleted: bool = False) -> Iterator[SalesforceRecord]:
        """Yield what a query finds, with what is in the recycle bin if asked for.

        Raises TransientError where fewer records came than there are: what is cut off is not gone.
        https://developer.salesforce.com/docs/platform/api-rest/guide/resources-query.html
        https://developer.salesforce.com/docs/platform/api-rest/guide/resources-queryall.html
        """
        resource = "queryAll" if with_deleted else "query"
        answer = self._http.get(f"{self._base}/{resource}", {"q": soql})
        total, came = answer.get("totalSize"), len(_records(answer))
        yield from _records(answer)
        unrepeated = Unrepeated(f"{self._http.name}: an answer in parts")
        while not answer.get("done", "nextRecordsUrl" not in answer):
            following = answer["nextRecordsUrl"]
            unrepeated.passes(following)
            answer = self._http.get(following)
            came += len(_records(answer))
            yield from _records(answer)
        if isinstance(total, int) and came < total:
            raise TransientError(
                f"{self._http.name} returned {came:,} of a query's {total:,} records."
            )

    def query_in(
        self, soql: str, ids: Sequence[str], *, with_deleted: bool = False
    ) -> Iterator[SalesforceRecord]:
        """Return what a query with `IN ({ids})` finds, in as few requests as URLs allow."""
        room = (_LONGEST_URL - len(quote_plus(soql))) // _AN_ID

        def read(batch: Sequence[str]) -> list[SalesforceRecord]:
            listed = ",".join(f"'{record_id}'" for record_id in batch)
            return [*self.query(soql.format(ids=listed), with_deleted=with_deleted)]

        reads = [partial(read, batch) for batch in batches(ids, max(1, room))]
        return chain.from_iterable(self._http.together(reads))

    def count(self, records: str, where: str) -> int:
        """Return how many records there are.

        https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select-count.html
        """
        soql = f"SELECT COUNT() FROM {records} WHERE {where}"  # noqa: S608 - SOQL, of our own words
        return int(self._http.get(f"{self._base}/query", {"q": soql})["totalSize"])

    def describe(self, records: str) -> Sequence[SalesforceRecord]:
        """Return the fields of a kind of record that these credentials may read, () for none.

        https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-describe.html
        """
        answer = self._http.get(f"{self._base}/sobjects/{records}/describe")
        fields: Sequence[SalesforceRecord] = answer["fields"] if isinstance(answer, dict) else ()
        return fields

    def update(self, records: Sequence[SalesforceRecord]) -> Any:
        """Change up to 200 records, each by itself; the answers come in their order.

        https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-update.html
        """
        body = {"allOrNone": False, "records": records}
        return self._http.answer("PATCH", f"{self._base}/composite/sobjects", json=body).body

    def bulk(self, soql: str) -> Iterator[SalesforceRecord]:
        """Yield what a query finds, through a job of the Bulk API 2.0; the order is no matter.

        All values are text, nothing is "". Parts of the result are read one at a time.
        https://developer.salesforce.com/docs/platform/api-asynch/guide/query-create-job.html
        https://developer.salesforce.com/docs/platform/api-asynch/guide/query-get-job-results.html
        """
        wanted = {
            "operation": "query",
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        job = f"{self._base}/jobs/query/{self._http.post(f'{self._base}/jobs/query', wanted)['id']}"
        self._wait_for(job)
        locator: str | None = None
        unrepeated = Unrepeated(f"{self._http.name}: the result of a bulk job")
        while True:
            more = {} if locator is None else {"locator": locator}
            answer = self._http.answer(
                "GET",
                f"{job}/results",
                params={"maxRecords": str(_A_RESULT), **more},
                headers={"Accept": "text/csv"},
            )
            yield from _rows(answer)
            following = answer.headers.get("Sforce-Locator", "null")
            if following == "null":
                return
            unrepeated.passes(following)
            locator = following

    def _wait_for(self, job: str) -> None:
        """Return when a job is done.

        https://developer.salesforce.com/docs/platform/api-asynch/guide/query-get-one-job.html
        """
        for wait_s in _POLLS_S:
            state = self._http.get(job)["state"]
            if state == "JobComplete":
                return
            if state in ("Failed", "Aborted"):
                raise UnexpectedResponseError(f"{self._http.name}: {job} ended as {state}.")
            self._http.policy.sleep(wait_s)
        raise TransientError(f"{self._http.name}: {job} is not done after an hour.")


def _records(answer: Any) -> Sequence[SalesforceRecord]:
    try:
        records: Sequence[SalesforceRecord] = answer["records"]
    except (KeyError, TypeError):
        raise UnexpectedResponseError("Salesforce's answer has no records.") from None
    return records


def _rows(answer: Answer) -> Sequence[SalesforceRecord]:
    """Return the rows of a part of a result; TransientError where some announced are missing."""
    if not isinstance(answer.body, str):
        raise UnexpectedResponseError(f"{answer.place} was answered without CSV.")
    rows = list(csv.DictReader(StringIO(answer.body)))
    announced = answer.headers.get("Sforce-NumberOfRecords")
    if announced is None:
        raise OperatorError(
            f"{answer.place} came without the header Sforce-NumberOfRecords, so that nobody knows"
            " whether it is whole: let the proxy in between pass the headers Sforce-*."
        )
    if announced != str(len(rows)):
        raise TransientError(f"{answer.place} announced {announced} rows and gave {len(rows)}.")
    return rows


# Who is asking


def client_credentials(http: Http, client_id: str, client_secret: str) -> Fetch:
    """Return what signs in as the app's Run As user; it must be done at the org's My Domain.

    https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm
    """

    def fetch(_: Token | None) -> Token:
        form = {"client_id": client_id, "client_secret": client_secret}
        return _signed_in(http, {"grant_type": "client_credentials", **form})

    return fetch


def refreshing(http: Http, client_id: str, client_secret: str | None, refresh_token: str) -> Fetch:
    """Return what signs in as the person who agreed.

    An app may be set to give a new refresh token with each access token, the old one ending.
    https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_refresh_token_flow.htm
    """

    def fetch(last: Token | None) -> Token:
        secret = {} if client_secret is None else {"client_secret": client_secret}
        return _signed_in(
            http,
            {
                "grant_type": "refresh_token",
                "client_id": client_id,
                "refresh_token": (last and last.refresh_token) or refresh_token,
                **secret,
            },
        )

    return fetch


def jwt_bearer(
    http: Http, client_id: str, username: str, private_key_file: Path, audience: str
) -> Fetch:
    """Return what signs in by a JWT, signed with the key of the certificate the app knows.

    `audience` is https://test.salesforce.com for a Salesforce sandbox. Unconfirmed: how long an
    assertion may be good for; two minutes are within every figure found.
    https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm
    """

    def fetch(_: Token | None) -> Token:
        expires_at = http.clock() + _ASSERTION
        claims = {
            "iss": client_id,
            "sub": username,
            "aud": audience.rstrip("/"),
            "exp": int(expires_at.timestamp()),
        }
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assertion = _signed(claims, _key_in(private_key_file))
        return _signed_in(http, {"grant_type": grant, "assertion": assertion})

    return fetch


def _signed_in(http: Http, form: Mapping[str, str]) -> Token:
    """Return a token. Its life is the org's session timeout, which nobody tells.

    One that ends sooner than the usual two hours is renewed on the 401 that says so.
    """
    asked_at = http.clock()
    answer = http.form(_TOKEN, form)
    return Token(
        access_token=access_token_in(answer, http.name),
        expires_at=asked_at + _SESSION,
        refresh_token=answer.get("refresh_token"),
    )


def _signed(claims: Mapping[str, Any], key: RSAPrivateKey) -> str:
    parts = ({"alg": "RS256"}, claims)
    unsigned = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
    return f"{unsigned}.{_base64url(key.sign(unsigned.encode(), PKCS1v15(), SHA256()))}"


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _key_in(file: Path) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        problem = type(error).__name__
    else:
        if isinstance(key, RSAPrivateKey):
            return key
        problem = "not RSA"
    raise OperatorError(
        f"private_key_file {file} holds no readable RSA key ({problem}): give it the PEM, without a"
        " passphrase, that belongs to the app's certificate."
    )


# What errors mean

_PAGE = "docs/salesforce.md"
_FIXES: Final = {
    "API_DISABLED_FOR_ORG": "this edition of Salesforce has no API; it can be bought",
    "API_CURRENTLY_DISABLED": "give the user the permission API Enabled",
    "INSUFFICIENT_ACCESS": f"give the user the rights that {located(_PAGE)} lists",
    "UNSUPPORTED_API_VERSION": "this version is retired: correct api_version",
}
_PASSING = frozenset(
    {
        "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW",
        "UNKNOWN_EXCEPTION",
    }
)  # fmt: skip
"""Worth another try, whatever the status: a query that ran too long comes as 400."""
_SIGN_IN: Final = {
    "user hasn't approved this consumer": "pre-authorise the app for this user in its policies",
    "audience": "correct audience; a Salesforce sandbox's is https://test.salesforce.com",
    "request not supported on this domain": "let url be https://COMPANY.my.salesforce.com",
    "no client credentials user enabled": "name a Run As user in the app's policies",
    "no valid scopes defined": "give the app the scope api",
    "expired": "set this machine's clock",
    "invalid assertion": "upload the certificate that belongs to private_key_file",
    "client identifier invalid": "correct client_id, or url",
    "invalid client credentials": "correct client_secret",
}
_UNKNOWN_NAME = re.compile(r"(?:No such column|sObject type) '(?P<name>\w+)'")


def judge(answer: Answer) -> Verdict:
    """Return what Salesforce means by a status that says too little.

    https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html
    """
    place, body = answer.place, answer.body
    if answer.status < 400:
        return None
    if isinstance(body, dict) and "error" in body:
        return _refused_sign_in(place, body)
    first = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else {}
    code, text = code_of(first.get("errorCode")), str(first.get("message", ""))
    if code == "REQUEST_LIMIT_EXCEEDED":
        return _limited(place, text)
    if code in ("INVALID_FIELD", "INVALID_TYPE"):
        named = _UNKNOWN_NAME.search(text)
        what = f"'{name_of(named['name'])}'" if named else "something that"
        return OperatorError(
            f"{place} asks for {what}: it does not exist, or is hidden from this user. Grant the"
            f" right to read it ({located(_PAGE)}), or correct the mapping."
        )
    if code in _FIXES:
        return OperatorError(f"{place} was refused with {code}: {_FIXES[code]}.")
    if code == "INVALID_QUERY_LOCATOR":  # asking again is no use, the next run starts at a record
        return TransientError(f"{place}: the answer has expired.", retry_after_s=_AN_HOUR_S)
    if code in _PASSING or answer.status == 406:
        return TransientError(f"{place} was answered with {answer.status} ({code or 'no code'}).")
    if answer.status == 410:
        return OperatorError(f"{place}: {_FIXES['UNSUPPORTED_API_VERSION']}.")
    if answer.status == 404 and place.endswith("/describe"):  # no such records, for this user
        return "fine"
    return None


def _limited(place: str, text: str) -> TransientError:
    """Return what a 403 means that is a limit: too many long calls at once, or the day's calls.

    The day is any 24 hours, so some calls come back with every hour.
    https://developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/salesforce-app-limits-platform-api.html
    """
    if "Concurrent" in text:
        return TransientError(
            f"{place}: too many calls are running in this org.", retry_after_s=_BUSY_S
        )
    return TransientError(
        f"{place}: the org's API calls of 24 hours are used up.", retry_after_s=_AN_HOUR_S
    )


def _refused_sign_in(place: str, body: Mapping[str, Any]) -> OperatorError | TransientError:
    """Return why one may not sign in.

    https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flow_errors.htm
    """
    if body["error"] == "rate_limit_exceeded":
        return TransientError(f"{place}: too many logins.", retry_after_s=_AN_HOUR_S)
    code = code_of(body["error"]) or "no code"
    reason = f"{body['error']} {body.get('error_description')}".casefold()
    fix = next((fix for words, fix in _SIGN_IN.items() if words in reason), None)
    fix = fix or f"compare the app's settings with {located(_PAGE)}"
    return OperatorError(f"{place}: Salesforce refused the sign-in ({code}). To fix it, {fix}.")
