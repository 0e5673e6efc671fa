"""The page of a company on a port of its own, and somebody who visits it with a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape

import requests

from convsync.cli import serve
from convsync.clock import system_clock
from convsync.model.user import Role, User
from convsync.settings import load_settings
from convsync.store import users
from convsync.store.database import Database
from convsync.web import passwords
from tests.cli.office import Office
from tests.collect.serving import listening

PASSWORD = "a long enough password"
_PROOF = re.compile(r'name="proof" value="([0-9a-f]+)"')


@dataclass
class Visitor:
    """A browser, and what it was shown last."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)
    status: int = 0
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    path: str = ""

    @property
    def text(self) -> str:
        """What a person reads: without tags, blanks as one."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.html)).split())

    def opens(self, path: str) -> str:
        return self._shown(self.session.get(self.url + path, timeout=60))

    def sends(self, path: str, **fields: str) -> str:
        """Send a form with the proof of the page that is open, as a browser does."""
        found = _PROOF.search(self.html)
        proof = {"proof": found.group(1)} if found else {}
        origin = {"Origin": self.url}
        answer = self.session.post(self.url + path, {**proof, **fields}, headers=origin, timeout=60)
        return self._shown(answer)

    def signs_in(self, name: str, password: str = PASSWORD, onward: str = "/") -> str:
        return self.sends("/sign-in", name=name, password=password, next=onward)

    def _shown(self, answer: requests.Response) -> str:
        self.status, self.html = answer.status_code, answer.text
        self.headers = {name.lower(): value for name, value in answer.headers.items()}
        self.path = answer.url.removeprefix(self.url)
        return self.text


@contextmanager
def page_of(office: Office, as_of: str, *, is_tls: bool = False) -> Iterator[Visitor]:
    """Serve a company's page as of an instant, to nobody yet; vera looks, otto decides."""
    ledger = Database(f"sqlite:///{office.folder}/convsync.db")
    with ledger.transaction("users") as connection:
        for name, role in (("vera", Role.VIEWER), ("otto", Role.OPERATOR)):
            kept = passwords.hash_of(PASSWORD)
            users.add(connection, User(name=name, role=role), kept, system_clock())
    ledger.close()
    settings = load_settings(office.config)
    page = serve.page_of(
        settings,
        office.config,
        is_tls=is_tls,
        as_of=datetime.fromisoformat(as_of),
        works_ahead=False,
    )
    with listening(page) as url:
        yield Visitor(url)
