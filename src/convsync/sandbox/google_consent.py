"""Google's page on which a person lets an app in, and where a token is given back, over HTTP."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.consent import ConsentRefused

PAGE = "/o/oauth2/v2/auth"


def routes(platform: AdPlatform) -> list[Route]:
    """Return the page's paths."""

    async def page(request: Request) -> Response:
        try:
            return HTMLResponse(platform.tokens.desk.page(request.query_params))
        except ConsentRefused as refused:
            return JSONResponse({"error": refused.error}, status_code=400)

    async def decided(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        try:
            address = platform.tokens.desk.decided(form, platform.clock.now())
        except ConsentRefused as refused:
            return JSONResponse({"error": refused.error}, status_code=400)
        return RedirectResponse(address, status_code=302)

    async def revoke(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        is_known = platform.tokens.desk.revoke(form.get("token", ""))
        return JSONResponse({}, status_code=200 if is_known else 400)

    return [
        Route(PAGE, page),
        Route(PAGE, decided, methods=["POST"]),
        Route("/revoke", revoke, methods=["POST"]),
    ]
