"""`serve`: the page in a browser, for signed-in users.

`app` is what another ASGI server is pointed at, behind a proxy that ends TLS: it reads the file
that CONVSYNC_CONFIG names, and is a factory:

    CONVSYNC_CONFIG=convsync.toml uvicorn --factory convsync.cli.serve:app
"""

import os
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from convsync.cli import options
from convsync.cli.collector import start_is_over
from convsync.cli.listening import Certificate, CertificateKey, Host, Port, Proxy
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from convsync.settings import Settings


def app() -> "Starlette":
    """Return the page of the configuration that CONVSYNC_CONFIG names."""
    config = Path(os.environ.get("CONVSYNC_CONFIG", "convsync.toml"))
    return page_of(options.load(config), config)


def page_of(
    settings: "Settings",
    config: Path,
    *,
    is_tls: bool = True,
    as_of: datetime | None = None,
    works_ahead: bool = True,
) -> "Starlette":
    """Return the page of a configuration, with the reports that the command line writes.

    Raises OperatorError where nobody may sign in, or what it needs is missing.
    """
    from convsync.cli.users import require_installed, require_somebody

    require_installed()
    require_somebody(settings)
    from convsync.cli.page_apart import work_out
    from convsync.cli.page_commands import commands_of
    from convsync.web.application import application

    return application(
        settings,
        commands_of(settings),
        run_command=[sys.executable, "-m", "convsync", "run", f"--config={config.resolve()}"],
        is_tls=is_tls,
        as_of=as_of,
        works_ahead=works_ahead,
        apart=partial(work_out, settings),
    )


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8490,
    proxy: Proxy = None,
    certificate: Certificate = None,
    certificate_key: CertificateKey = None,
    as_of: AsOf = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Serve the page until stopped; `convsync users add` says who may sign in."""
    from convsync.process import serving

    settings = options.load(config)
    tls = serving.tls_of(certificate, certificate_key)
    is_tls = tls is not None or proxy is not None
    page = page_of(settings, config, is_tls=is_tls, as_of=options.instant(as_of, settings))
    start_is_over()
    serving.serve(
        page,
        host=host,
        port=port,
        proxy=proxy,
        tls=tls,
        carries="passwords",
        announce=lambda url: typer.echo(f"the page: {url}"),
    )
