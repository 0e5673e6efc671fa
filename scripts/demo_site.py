"""The way from an ad to a counted conversion, to be tried in a browser.

    python -m scripts.demo_site

A small advertiser's site with the snippet, the collector it reports to, and the sandbox's HubSpot,
which gets a deal for each form. Click the "ad", agree, send the form, and press Enter: a night
runs, and the platform's books show what it counted. Everything lies in the folder demo-site/
afterwards; nothing is left running.
"""

import csv
import io
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import requests
import uvicorn
from rich.console import Console
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from convsync.sandbox.living import config_for
from convsync.sandbox.world_csv import DEAL_HEADER
from scripts.serving import CONVSYNC, sandbox

FOLDER = Path(__file__).parents[1] / "demo-site"
COMPANY = ZoneInfo("Europe/Berlin")
KEY = "demo-site-key"
AD = "?gclid=EAIaIQobChMI-demo_Click.{number}&utm_source=google&utm_campaign=Brand"

PAGE = """<!doctype html><title>Gears & Co.</title>
<script async src="{script}"></script><script defer src="/banner.js"></script>
<body style="font: 18px sans-serif; max-width: 40em; margin: 3em auto">
<h1>Gears &amp; Co.</h1>{body}
<p><button id="agree">I agree to cookies for ads</button> <button id="refuse">I do not</button></p>
"""
BODIES = {
    "/": '<p>Gears for every mill.</p><p><a href="/contact">Ask for an offer</a></p>',
    "/contact": """<form id="offer" method="post">
      <p><label>E-mail <input type="email" name="email" required></label>
      <p><label>Phone <input type="tel" name="phone"></label>
      <input type="hidden" name="gclid"><input type="hidden" name="wbraid">
      <input type="hidden" name="gbraid"><input type="hidden" name="utm_campaign">
      <input type="hidden" name="convsync_visitor"><button id="send">Send</button></form>""",
    "/thanks": "<p>Thank you. Our sales team has a new deal in its CRM.</p>",
}
BANNER = """
const SIGNALS = ["ad_storage", "ad_user_data", "ad_personalization"];
function tell(word) {
  if (word) (window.convsync = window.convsync || [])
    .push(Object.fromEntries(SIGNALS.map((signal) => [signal, word])));
}
for (const [id, word] of [["agree", "granted"], ["refuse", "denied"]]) {
  document.getElementById(id).onclick = () => { sessionStorage.answer = word; tell(word); };
}
tell(sessionStorage.answer);
"""


class Website:
    """The advertiser's site; each form that is sent becomes a deal in the sandbox's HubSpot."""

    def __init__(self, script: str, sandbox_url: str) -> None:
        self._script = script
        self._sandbox_url = sandbox_url
        self._deals: list[dict[str, str]] = []

    def application(self) -> Starlette:
        """Return the pages and what takes the form."""
        pages = [Route(path, self._page, methods=["GET"]) for path in BODIES]
        form = Route("/contact", self._sent, methods=["POST"])
        return Starlette(routes=[*pages, form, Route("/banner.js", self._banner)])

    async def _page(self, request: Request) -> Response:
        return HTMLResponse(PAGE.format(script=self._script, body=BODIES[request.url.path]))

    async def _banner(self, _: Request) -> Response:
        return Response(BANNER, media_type="text/javascript")

    async def _sent(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        await run_in_threadpool(self._make_a_deal_of, form)
        return RedirectResponse("/thanks", status_code=303)

    def _make_a_deal_of(self, form: Mapping[str, str]) -> None:
        """Let the CRM show the deal, as HubSpot's own form would make it."""
        now = datetime.now(COMPANY).replace(tzinfo=None).isoformat(" ", "milliseconds")
        self._deals.append(
            {
                "Deal ID": f"D-{len(self._deals) + 1}",
                "Created": now,
                "Last modified": now,
                "Origin": form.get("utm_campaign", ""),
                "Currency": "EUR",
                "GCLID": form.get("gclid", ""),
                "GBRAID": form.get("gbraid", ""),
                "WBRAID": form.get("wbraid", ""),
                "E-mail": form["email"],
                "Phone": form.get("phone", ""),
                "Country": "DE",
                "Marketing consent": "yes",
                "Visitor ID": form.get("convsync_visitor", ""),
            }
        )
        export = io.StringIO()
        writer = csv.DictWriter(export, DEAL_HEADER.split(","), restval="")
        writer.writeheader()
        writer.writerows(self._deals)
        url = f"{self._sandbox_url}/crms/hubspot/deals.csv"
        requests.post(url, export.getvalue().encode(), timeout=10).raise_for_status()


@dataclass(frozen=True, slots=True)
class Demo:
    """The site while it is up, and what lies behind it."""

    url: str
    sandbox_url: str
    config: Path

    def night(self) -> None:
        """Run a night now, and let an hour pass for the platform, which counts by then."""
        self._sandbox_clock(None)
        self.convsync("run")
        self._sandbox_clock(datetime.now(UTC) + timedelta(hours=1))

    def _sandbox_clock(self, at: datetime | None) -> None:
        """Set the sandbox's clock, or let it show the machine's time again."""
        body = {"now": None if at is None else at.isoformat()}
        requests.post(f"{self.sandbox_url}/clock", json=body, timeout=10).raise_for_status()

    def books(self) -> dict[str, Any]:
        """Return what the platform counted."""
        answer = requests.get(f"{self.sandbox_url}/books", timeout=10)
        answer.raise_for_status()
        books: dict[str, Any] = answer.json()
        return books

    def convsync(self, *arguments: str) -> str:
        """Run a command on this company; return what it printed."""
        finished = subprocess.run(
            [str(CONVSYNC), *arguments],
            env=os.environ | {"CONVSYNC_CONFIG": str(self.config)},
            check=False,
            capture_output=True,
            text=True,
        )
        if finished.returncode != 0:
            raise SystemExit(f"convsync {arguments[0]}: {finished.stderr}{finished.stdout}")
        return finished.stdout


@contextmanager
def demo_site(folder: Path, port: int = 0) -> Iterator[Demo]:
    """Start the sandbox, the collector and the site; stop them whatever happens."""
    with ExitStack() as running:
        ports = running.enter_context(sandbox())
        place = running.enter_context(socket.create_server(("127.0.0.1", port)))
        url = f"http://127.0.0.1:{place.getsockname()[1]}"
        collector_port = _free_port()
        collector = f"http://127.0.0.1:{collector_port}"
        config = folder / "convsync.toml"
        config.write_text(_config(ports, collector, url), encoding="utf-8")
        demo = Demo(url, ports["http"], config)
        demo.convsync("db", "upgrade")
        running.enter_context(_collecting(config, collector_port))
        site = Website(f"{collector}/sites/{KEY}/convsync.js", ports["http"])
        running.enter_context(_serving(site.application(), place))
        yield demo


def _config(ports: Mapping[str, str], collector: str, site: str) -> str:
    """Return the demo's configuration, with the site's visitors for a click log.

    A CRM's search lags minutes behind, and Google wants a click to be hours old: nobody waits that
    long for a demo.
    """
    whole = config_for("hubspot", ports)
    whole = whole.replace('region = "region"', 'campaign = "origin"')
    whole = whole.replace('kind = "hubspot"', 'kind = "hubspot"\nlag_minutes = 0')
    whole = whole.replace('kind = "data_manager"', 'kind = "data_manager"\nsettling_hours = 0')
    before, after = whole.index("[clicks.site]"), whole.index("# --- What counts")
    collect = f'[collect.website]\nurl = "{collector}"\nkey = "{KEY}"\norigins = ["{site}"]\n\n'
    return whole[:before] + collect + whole[after:]


@contextmanager
def _collecting(config: Path, port: int) -> Iterator[None]:
    command = [str(CONVSYNC), "collect", "--port", str(port), "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as collecting:
        assert collecting.stdout is not None
        try:
            assert collecting.stdout.readline().startswith("collecting")
            yield
        finally:
            collecting.terminate()


@contextmanager
def _serving(application: Starlette, place: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, ws="none"))
    thread = Thread(target=server.run, args=([place],), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _wants_a_night(console: Console) -> bool:
    """Ask for the next night; False where the visitor has enough, or nobody is there to ask."""
    try:
        return console.input("3. Press Enter for the night, or q and Enter to stop. ") != "q"
    except EOFError:
        return False


def main() -> None:
    """Serve until the visitor has enough, with a night at each Enter."""
    console = Console(highlight=False, soft_wrap=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with demo_site(FOLDER, port=8490) as demo:
        console.print(f"1. The ad:  [bold]{demo.url}/{AD.format(number=1)}[/]")
        console.print("2. Agree, ask for an offer, and send the form.")
        while _wants_a_night(console):
            demo.night()
            for action, counted in demo.books()["counted"].items():
                console.print(f"action {action}: {len(counted)} conversions counted")
            console.print(demo.convsync("deals"))
            console.print(demo.convsync("report", "coverage", "--by", "campaign"))
            console.print(f"One from its click on: convsync explain DEAL --config {demo.config}")


if __name__ == "__main__":
    main()
