"""The page as an application for any ASGI server: what answers which URL, and for whom.

CONVSYNC_CONFIG=convsync.toml uvicorn --factory convsync.web.application:app
"""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from convsync import wiring
from convsync.clock import system_clock
from convsync.settings import Settings
from convsync.web.actions import Actions
from convsync.web.asking import Commands
from convsync.web.by_oidc import ByOidc
from convsync.web.by_proxy import ByProxy
from convsync.web.company import Company, company_of
from convsync.web.conversions import Conversions
from convsync.web.customers import Customers
from convsync.web.deal_lists import DealLists
from convsync.web.decisions import Desk
from convsync.web.doors import Doors
from convsync.web.figures import FigurePages
from convsync.web.kept_figures import Apart
from convsync.web.nights import Nights
from convsync.web.problems import Problems
from convsync.web.rendering import Templates
from convsync.web.safety import SafeHeaders
from convsync.web.set_up import SetUp
from convsync.web.sign_in import SignIn

_STATIC: Final = Path(__file__).with_name("static")


def application(
    settings: Settings,
    commands: Commands,
    *,
    run_command: Sequence[str],
    is_tls: bool,
    as_of: datetime | None = None,
    works_ahead: bool = True,
    apart: Apart | None = None,
) -> Starlette:
    """Return the page; OperatorError where there is no ledger. `commands` are their answers.

    `run_command` is the command of a night, without who answers for it and when it is.

    `is_tls` says that browsers come over TLS: the cookie is for that alone then. `as_of` is taken
    for the present, as by the option of that name. `works_ahead` says whether reports are worked
    out before anybody asks for them, and `apart` does so in another process.
    """
    company = company_of(settings, as_of=as_of)
    templates = Templates(company.zone, company.formats)
    doors, sign_in = _entrance(settings, company, templates, is_tls=is_tls)
    figures = FigurePages(company, templates, commands.figures, apart)
    families = (
        sign_in,
        Nights(company, templates),
        Conversions(company, templates, commands),
        Problems(company, templates),
        Customers(company, templates),
        DealLists(company, templates, commands),
        SetUp(company, templates, commands),
        figures,
        Actions(Desk(settings=settings, company=company, run_command=run_command), templates),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        stop = Event()
        if works_ahead:
            Thread(target=figures.work_ahead, args=(stop,), daemon=True).start()
        yield
        stop.set()
        company.database.close()

    return Starlette(
        routes=[
            *(route for family in families for route in family.routes(doors)),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=[Middleware(SafeHeaders, is_tls=is_tls)],
        exception_handlers={404: doors.nothing_there, 405: doors.nothing_there},
        lifespan=lifespan,
    )


def _entrance(
    settings: Settings, company: Company, templates: Templates, *, is_tls: bool
) -> tuple[Doors, SignIn]:
    """Return who lets visitors in, and what signs them in, by whichever ways are configured."""
    proxy, oidc = wiring.proxy_terms_of(settings), wiring.oidc_terms_of(settings)
    by_proxy = ByProxy(proxy) if proxy else None
    by_oidc = ByOidc(oidc, system_clock) if oidc else None
    sign_in = SignIn(
        company,
        templates,
        by_proxy=by_proxy,
        by_oidc=by_oidc,
        is_tls=is_tls,
        ticks=monotonic,
    )
    return Doors(company, templates, by_proxy), sign_in
