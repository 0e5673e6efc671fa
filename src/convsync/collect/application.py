"""The collector: what a visitor's browser reports, over HTTP, for any ASGI server.

Each site has a key, which stands in its addresses and is no secret: it tells sites apart. Who may
report from where is the browser's to say and ours to check (`Origin`), how often is counted by
address. 202 means that the report is durably written; every answer is empty, sets no cookie, and
says by its status alone what is wrong, so that nothing can be made to come back out of here.

`/metrics` asks for a token and is not there without one, because a proxy may pass everything on.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from convsync import log
from convsync.clock import Clock
from convsync.collect.group_commit import FullError, GroupCommit, Save
from convsync.collect.rate import Rate
from convsync.collect.reports import MOST_BYTES, RefusedReportError, report_in
from convsync.errors import ConvsyncError

_PREFLIGHT_HOLDS_S: Final = 86_400
_SCRIPT_HOLDS_S: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site whose visitors may report: its key, its own origins, and the script it is handed."""

    name: str
    key: str
    origins: frozenset[str]
    country: str | None
    reports_per_minute: int
    script: str


class _Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """An answer other than 202, and what it is counted as."""

    def __init__(self, status: int, counted_as: str) -> None:
        super().__init__(counted_as)
        self.status = status
        self.counted_as = counted_as


class Collector:
    """Answers browsers. `save` writes reports durably; `token` opens `/metrics`."""

    def __init__(
        self,
        sites: Sequence[Site],
        save: Save,
        *,
        clock: Clock,
        ticks: Callable[[], float],
        token: str | None = None,
    ) -> None:
        self._sites: Mapping[str, Site] = {site.key: site for site in sites}
        self._rates = {site.key: Rate(site.reports_per_minute, ticks) for site in sites}
        self._clock = clock
        self._token = token
        self._commits = GroupCommit(save)
        self._registry = CollectorRegistry()
        self._reports = Counter(
            "convsync_collected_reports",
            "Reports of visitors' browsers, by what became of them.",
            ("site", "answer"),
            registry=self._registry,
        )

    def application(self) -> Starlette:
        """Return the ASGI application; it writes while its lifespan lasts."""
        return Starlette(
            routes=[
                Route("/sites/{key}/reports", self._report, methods=["POST", "OPTIONS"]),
                Route("/sites/{key}/convsync.js", self._script, methods=["GET"]),
                Route("/healthz", self._health, methods=["GET"]),
                Route("/metrics", self._metrics, methods=["GET"]),
            ],
            lifespan=self._writing,
        )

    @asynccontextmanager
    async def _writing(self, _: Starlette) -> AsyncIterator[None]:
        writer = asyncio.create_task(self._commits.run())
        try:
            yield
        finally:
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
            await self._commits.finish()

    async def _report(self, request: Request) -> Response:
        site = self._sites.get(request.path_params["key"])
        if site is None:
            return Response(status_code=404)
        origin = request.headers.get("origin", "")
        if origin not in site.origins:
            self._reports.labels(site.name, "origin").inc()
            return Response(status_code=403)
        headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if request.method == "OPTIONS":
            headers |= {
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "Content-Type",
                "Access-Control-Max-Age": str(_PREFLIGHT_HOLDS_S),
            }
            return Response(status_code=204, headers=headers)
        try:
            await self._take(request, site)
        except _Refusal as refusal:
            self._reports.labels(site.name, refusal.counted_as).inc()
            return Response(status_code=refusal.status, headers=headers)
        self._reports.labels(site.name, "written").inc()
        return Response(status_code=202, headers=headers)

    async def _take(self, request: Request, site: Site) -> None:
        """Write a report; _Refusal where nothing of it is kept."""
        address = request.client.host if request.client else ""
        if not self._rates[site.key].takes(address):
            raise _Refusal(429, "too_often")
        body = await _body_of(request)
        try:
            report = report_in(
                body, site=site.name, country=site.country, received_at=self._clock()
            )
        except RefusedReportError as error:
            log.debug("a report was refused", site=site.name, because=str(error))
            raise _Refusal(422, "refused") from None
        try:
            await self._commits.write(report)
        except FullError:
            raise _Refusal(503, "full") from None
        except ConvsyncError:
            raise _Refusal(503, "not_written") from None

    async def _script(self, request: Request) -> Response:
        site = self._sites.get(request.path_params["key"])
        if site is None:
            return Response(status_code=404)
        headers = {
            "Cache-Control": f"public, max-age={_SCRIPT_HOLDS_S}",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(site.script, media_type="text/javascript", headers=headers)

    async def _health(self, _: Request) -> Response:
        return Response("alive\n", media_type="text/plain")

    async def _metrics(self, request: Request) -> Response:
        if self._token is None:
            return Response(status_code=404)
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode(), self._token.encode()):
            return Response(status_code=401)
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


async def _body_of(request: Request) -> bytes:
    """Return the body of a request, read no further than a report may be long."""
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                raise _Refusal(413, "too_large")
    except ClientDisconnect:
        raise _Refusal(400, "cut_off") from None
    return bytes(body)
