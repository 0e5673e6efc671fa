"""`collect`: the endpoint that visitors' browsers report to, and the snippet that reports."""

from typing import Annotated

import typer

from convsync.cli import options
from convsync.cli.collector import start_is_over
from convsync.cli.listening import Certificate, CertificateKey, Host, Port, Proxy
from convsync.cli.options import DEFAULT_CONFIG, Config

app = typer.Typer(
    help="Collect clicks from the sites of [collect], until stopped.",
    invoke_without_command=True,
)


@app.callback()
def collect(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8480,
    proxy: Proxy = None,
    certificate: Certificate = None,
    certificate_key: CertificateKey = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Answer browsers until stopped; 202 means that a report is durably written."""
    if context.invoked_subcommand is not None:
        return
    from convsync.process.serving import serve, tls_of
    from convsync.wiring.collecting import collector_of

    tls = tls_of(certificate, certificate_key)
    application = collector_of(options.load(config))
    start_is_over()
    serve(
        application,
        host=host,
        port=port,
        proxy=proxy,
        tls=tls,
        carries="what browsers report",
        announce=lambda url: typer.echo(f"collecting: {url}"),
    )


@app.command()
def snippet(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The [collect.NAME] it is for.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print a site's script, for sites that serve it themselves."""
    from convsync.wiring.collecting import script_of

    typer.echo(script_of(options.load(config), name))
