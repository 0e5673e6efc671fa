"""Headers that every answer has, so that a page can load and send nothing but what is ours.

https://owasp.org/www-project-secure-headers/
"""

from collections.abc import MutableMapping
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_WATCHED: Final = "/runs/"
POLICY_WATCHED: Final = f"{POLICY}; script-src 'self'; connect-src 'self'"
"""Of a run that is watched: our own script asks for the page again, and for nothing else."""
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_FOR_PAGES: Final = {"Cache-Control": "no-store"}
"""What a person was shown stays in no cache; the style sheet may."""


class SafeHeaders:
    """Adds the headers to whatever an application answers."""

    def __init__(self, app: ASGIApp, *, is_tls: bool) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if is_tls:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with these headers beside its own."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(message, scope)
            await send(message)

        await self._app(scope, receive, send_safely)

    def _add(self, message: Message, scope: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(scope=message)
        headers.update(self._headers)
        if scope["path"].startswith(_WATCHED):
            headers["Content-Security-Policy"] = POLICY_WATCHED
        if not scope["path"].startswith("/static/"):
            headers.update(_FOR_PAGES)
