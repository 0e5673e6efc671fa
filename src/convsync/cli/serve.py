"""`serve`: the page in a browser, for those who have signed in."""

import typer

from convsync.cli import options
from convsync.cli.listening import Certificate, CertificateKey, Host, Port, Proxy
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config


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
    from convsync import serving
    from convsync.cli.users import require_installed, require_somebody

    require_installed()
    from convsync.web.application import application

    settings = options.load(config)
    require_somebody(settings)
    tls = serving.tls_of(certificate, certificate_key)
    page = application(
        settings,
        is_tls=tls is not None or proxy is not None,
        as_of=options.instant(as_of, settings),
    )
    serving.serve(
        page,
        host=host,
        port=port,
        proxy=proxy,
        tls=tls,
        carries="passwords",
        announce=lambda url: typer.echo(f"the page: {url}"),
    )
