"""The page of a company, served by a process of its own, and somebody who has signed in to it."""

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex

import requests

from scripts.bench.company import Company
from scripts.bench.postgres import cpu_seconds_of
from scripts.serving import CONVSYNC

_PASSWORD = "reads for the benchmark"
_LINK = re.compile(r'<a href="(/[^"]*)"')
_DEAL = re.compile(r'href="(/deals/[^"]+)"')


@dataclass(frozen=True, slots=True)
class Answered:
    """How long a screen took."""

    path: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class ServedPage:
    """Where the page is, its process, and the cookie of a reader."""

    url: str
    process: int
    cookies: requests.cookies.RequestsCookieJar

    def asks(self, path: str) -> Answered:
        """Ask for a screen. Raises HTTPError where it is not shown."""
        began = time.perf_counter()
        self._shown(path)
        return Answered(path, (time.perf_counter() - began) * 1000)

    def screens(self) -> Sequence[str]:
        """Return the screens that the first one leads to, one deal, and a search for it."""
        named = _LINK.findall(self._shown("/").partition("<nav")[2].partition("</nav>")[0])
        (deal, *_) = _DEAL.findall(self._shown("/conversions"))
        searched = f"/conversions?find={deal.rpartition('/')[2]}"
        return [*dict.fromkeys(["/", *named, deal, searched])]

    def cpu_seconds(self) -> float:
        """Return what the process has taken so far."""
        return cpu_seconds_of(self.process)

    def _shown(self, path: str) -> str:
        answer = requests.get(self.url + path, cookies=self.cookies, timeout=600)
        answer.raise_for_status()
        return answer.text


@contextmanager
def served_page(company: Company, as_of: str) -> Iterator[ServedPage]:
    """Serve a company's page as of an instant, with a new reader who has signed in."""
    name = f"reader-{token_hex(4)}"
    environment = company.environment()
    subprocess.run(
        [str(CONVSYNC), "users", "add", name, "--password-stdin"],
        input=_PASSWORD,
        text=True,
        cwd=company.folder,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    command = [str(CONVSYNC), "serve", "--port", "0", "--as-of", as_of]
    with subprocess.Popen(
        command, cwd=company.folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        try:
            url = serving.stdout.readline().removeprefix("the page: ").strip()
            with requests.Session() as session:
                form = {"name": name, "password": _PASSWORD, "next": "/"}
                session.post(f"{url}/sign-in", form, timeout=600).raise_for_status()
                yield ServedPage(url, serving.pid, session.cookies)
        finally:
            serving.terminate()
