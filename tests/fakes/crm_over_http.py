"""A sandbox CRM behind `responses`: the adapter's own session speaks to it, without a socket."""

import json
import re
from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import responses

from convsync.sandbox.crm.server import CrmServer, Reply, Request


class CrmOverHttp:
    """Answers every request below `base_url` with the server's word.

    `before_each` is called with the number of every request, 1 the first, one at a time. While
    `stuck_at` matches a path, its first reply is repeated for ever. With `is_newer` the vendor has
    added fields. `spoil` is handed the path and the body of every answer in JSON, and returns the
    body that is sent.
    """

    def __init__(self, server: CrmServer, base_url: str, mock: responses.RequestsMock) -> None:
        self.server = server
        self.count = 0
        self.before_each: Callable[[int], None] = lambda _: None
        self.stuck_at: str | None = None
        self.is_newer = False
        self.spoil: Callable[[str, Any], Any] = lambda _route, body: body
        self._base_url = base_url.rstrip("/")
        self._stuck: dict[str, Reply] = {}
        self._counting = Lock()
        for method in (responses.GET, responses.POST):
            mock.add_callback(method, re.compile(re.escape(base_url) + ".*"), self._answer)

    def _answer(self, asked: requests.PreparedRequest) -> Any:
        with self._counting:
            self.count += 1
            self.before_each(self.count)
        request = _as_request(asked, self._base_url)
        reply = self._stuck.get(request.path) or self.server.answer(request)
        if self.stuck_at and re.search(self.stuck_at, request.path):
            self._stuck[request.path] = reply
        if reply.is_cut_off:
            return requests.exceptions.ChunkedEncodingError("IncompleteRead")
        body = _with_news(reply.body) if self.is_newer else reply.body
        if not isinstance(body, bytes):
            body = self.spoil(request.path, body)
        encoded = Reply(body=body).encoded()
        headers = {"Content-Type": reply.media_type, **reply.headers}
        return reply.status, headers, encoded


def _as_request(asked: requests.PreparedRequest, base_url: str) -> Request:
    url = urlsplit(asked.url or "")
    body = asked.body or b""
    return Request(
        method=asked.method or "",
        path=url.path.removeprefix(urlsplit(base_url).path),
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers={name.lower(): str(value) for name, value in asked.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
        base_url=base_url,
    )


def _with_news(body: Any) -> Any:
    """Return a body in which the answer and every record in it have a field nobody knows."""
    news = {"newSince2027": {"text": "🎉", "number": 1}}
    if isinstance(body, list):
        return [{**one, **news} if isinstance(one, dict) else one for one in body]
    if not isinstance(body, dict):
        return body
    listed = {name: _with_news(value) for name, value in body.items() if isinstance(value, list)}
    return json.loads(json.dumps({**body, **listed, **news}, default=str))
