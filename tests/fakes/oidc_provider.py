"""A provider of OpenID Connect on a port of its own: somebody else's program, as a process."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep

import requests

PEOPLE = (
    {"sub": "1", "preferred_username": "ola", "groups": ["staff", "ops"]},
    {"sub": "2", "preferred_username": "vic", "groups": ["staff"]},
    {"sub": "3", "preferred_username": "eve", "groups": ["guests"]},
    {"sub": "4", "groups": ["ops"]},
)


@dataclass(frozen=True)
class Provider:
    """Where it is; people agree on its page by their number."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def agrees(self, address: str, sub: str) -> str:
        """Sign a person in on the page at an address; return where their browser is sent."""
        form = {"sub": sub} if sub else {"action": "deny"}
        answer = self.session.post(address, form, allow_redirects=False, timeout=60)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@contextmanager
def provider() -> Iterator[Provider]:
    """Serve it to the end."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    claims = [word for person in PEOPLE for word in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as serving:
        try:
            there = Provider(f"http://127.0.0.1:{port}")
            _wait(there.url)
            yield there
        finally:
            serving.terminate()


def _wait(url: str) -> None:
    began = monotonic()
    while True:
        try:
            requests.get(f"{url}/.well-known/openid-configuration", timeout=60).raise_for_status()
        except requests.ConnectionError:
            assert monotonic() - began < 60, "the provider does not start"
            sleep(0.05)
        else:
            return


def path_of(address: str) -> str:
    """Return an address without its host, which tests serve elsewhere."""
    return re.sub(r"^https?://[^/]+", "", address)
