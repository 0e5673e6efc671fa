"""Who visits a page, what they sent, and who is let in.

A browser is known by a random token in a cookie, of which the ledger's database holds the digest
alone. Each form carries a proof made from that token, so that no other site can send it
(https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html).
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from convsync.model.user import User

COOKIE: Final = "convsync_session"
PROOF: Final = "proof"
MOST_BYTES: Final = 16_384
"""Of a form: names, an ID, a password."""
SIGNED_IN_FOR: Final = timedelta(hours=12)
"""A working day: after it people sign in again, whatever they did meanwhile."""


class RefusedError(Exception):
    """A request that is answered with a status and a sentence, and nothing else."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request, who makes it, and the fields of its form."""

    request: Request
    user: User
    token: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def proof(self) -> str:
        """Return what a form of this visitor must carry."""
        return proof_of(self.token)

    @property
    def languages(self) -> str:
        """Return which languages the browser asks for, as its header has them."""
        return self.request.headers.get("accept-language", "")

    def asked(self, name: str) -> str:
        """Return a parameter of the address, empty where there is none."""
        return self.request.query_params.get(name, "").strip()


Page = Callable[[Visit], Response]
"""Answers a visit. It runs in a thread of its own, and may read the ledger."""


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """Return what the database holds of a token."""
    return sha256(token.encode()).digest()


def proof_of(token: str) -> str:
    """Return what forms carry for whoever has a token."""
    return hmac.new(token.encode(), b"convsync form", sha256).hexdigest()


async def fields_of(request: Request) -> dict[str, str]:
    """Return a form's fields; RefusedError for one that is too long or comes from elsewhere."""
    require_own_origin(request)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise RefusedError(413, "This form is too long.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def require_own_origin(request: Request) -> None:
    """Raise RefusedError for a form that a browser says another site has sent."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise RefusedError(403, "This form was sent from another site, and nothing was done.")


def require_proof(visit: Visit) -> None:
    """Raise RefusedError for a form without the visitor's own proof."""
    if not hmac.compare_digest(visit.fields.get(PROOF, "").encode(), visit.proof.encode()):
        raise RefusedError(403, "This form is too old: open the page again. Nothing was done.")


def number_in(text: str) -> int | None:
    """Return the number that a text is, None where it is none that a database could hold."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def local_path(text: str) -> str:
    """Return where to go after signing in: a path of ours, or else the first page."""
    is_ours = text.startswith("/") and not text.startswith("//") and "\\" not in text
    return text if is_ours and text.isprintable() else "/"
