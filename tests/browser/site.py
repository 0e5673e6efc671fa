"""A small site with the snippet, and its collector, as a visitor in a real browser meets them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from sqlalchemy import Row, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from convsync.clock import system_clock
from convsync.collect.application import Collector
from convsync.collect.application import Site as CollectedSite
from convsync.collect.snippet import SnippetSettings, snippet
from convsync.model.collected import Report
from convsync.store import migrate
from convsync.store.collected import save
from convsync.store.database import Database
from convsync.store.schema import collected
from tests.collect.serving import KEY, listening

FORM = """
<form id="contact" action="/thanks">
  <input type="email" name="email"> <input type="tel" name="phone">
  <input type="hidden" name="gclid"> <input type="hidden" name="wbraid">
  <input type="hidden" name="utm_campaign"> <input type="hidden" name="convsync_visitor">
  <input type="hidden" name="00N5g" value=""> <input name="note">
  <button>Send</button>
</form>
"""
PAGES = {"/": "<a href='/about'>About</a>", "/about": "", "/contact": FORM, "/thanks": "Thanks."}
WAITS_S = 60
GRANTED = {"ad_storage": "granted", "ad_user_data": "granted", "ad_personalization": "granted"}


@dataclass
class Site:
    """The site as its visitor uses it, and what the collector has written."""

    browser: Chrome
    url: str
    database: Database

    def visit(self, path: str, *, consent: dict[str, str] | None = GRANTED) -> None:
        """Open a page; the visitor's answer to the banner is known there, if there is one."""
        self.browser.get(f"{self.url}{path}")
        if consent is not None:
            self.answer(consent)

    def answer(self, consent: dict[str, str]) -> None:
        """Tell the snippet of consent as a site without gtag does."""
        tell = "(window.convsync = window.convsync || []).push(arguments[0])"
        self.browser.execute_script(tell, consent)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.browser.execute_script(script, *arguments)

    def value_of(self, name: str) -> str:
        """Return what stands in an input."""
        value = self.browser.find_element(By.NAME, name).get_attribute("value")
        assert value is not None
        return value

    def submit(self, email: str = "anna@example.com", phone: str = "030 123456") -> None:
        """Fill in the form, send it, and wait for the page after it."""
        self.browser.find_element(By.NAME, "email").send_keys(email)
        self.browser.find_element(By.NAME, "phone").send_keys(phone)
        self.browser.find_element(By.CSS_SELECTOR, "form button").click()
        self.until(lambda: "/thanks" in self.browser.current_url)

    def kept(self) -> str | None:
        """Return what the snippet has in the site's storage."""
        found = self.run("return localStorage.getItem('convsync')")
        assert found is None or isinstance(found, str)
        return found

    def reports(self, count: int = 1) -> Sequence[Row[Any]]:
        """Return the reports that were written, withdrawals included, once there are so many."""
        self.until(lambda: len(self._written()) >= count)
        return self._written()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        begun = monotonic()
        while not is_so():
            assert monotonic() - begun < WAITS_S, "it has not come about"
            sleep(0.02)

    def _written(self) -> Sequence[Row[Any]]:
        with self.database.reading() as connection:
            return connection.execute(select(collected).order_by(collected.c.received_at)).all()


class Pages:
    """The site's own server, which serves the snippet itself; `reports_url` is the collector's."""

    def __init__(self) -> None:
        self.reports_url = ""

    def application(self) -> Starlette:
        """Return the pages and the script."""
        routes = [Route(path, self._page) for path in PAGES]
        return Starlette(routes=[*routes, Route("/convsync.js", self._script)])

    async def _page(self, request: Request) -> Response:
        country = request.query_params.get("country", "DE")
        script = f"<script async src='/convsync.js?country={country}'></script>"
        body = PAGES[request.url.path]
        headers = {}
        if "strict" in request.query_params:
            allowed = self.reports_url.partition("/sites")[0]
            headers["Content-Security-Policy"] = (
                "default-src 'none'; base-uri 'none'; form-action 'self'; script-src 'self';"
                f" connect-src {allowed}; require-trusted-types-for 'script'"
            )
        return HTMLResponse(f"<!doctype html><title>A site</title>{script}{body}", headers=headers)

    async def _script(self, request: Request) -> Response:
        settings = SnippetSettings(
            url=self.reports_url,
            fields={"00N5g": "gclid"},
            country=request.query_params["country"],
        )
        return Response(snippet(settings), media_type="text/javascript")


@contextmanager
def serving(browser: Chrome, folder: Path) -> Iterator[Site]:
    """Serve a site and its collector on ports of their own."""
    with closing(Database(f"sqlite:///{folder}/convsync.db")) as database:
        migrate.upgrade(database)
        pages = Pages()
        with (
            listening(pages.application()) as url,
            listening(_collector(database, url).application()) as collector,
        ):
            pages.reports_url = f"{collector}/sites/{KEY}/reports"
            yield Site(browser, url, database)


def _collector(database: Database, origin: str) -> Collector:
    def write(reports: Sequence[Report]) -> None:
        with database.transaction("collect") as connection:
            save(connection, reports)

    site = CollectedSite(
        name="website",
        key=KEY,
        origins=frozenset({origin}),
        country="DE",
        reports_per_minute=1_000,
        script="",
    )
    return Collector([site], write, clock=system_clock, ticks=monotonic)
