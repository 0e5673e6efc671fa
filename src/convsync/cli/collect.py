"""`collect`: the endpoint that visitors' browsers report to, and the snippet that reports."""

from pathlib import Path
from typing import Annotated

import typer

from convsync.cli import options
from convsync.cli.options import DEFAULT_CONFIG, Config
from convsync.errors import OperatorError

app = typer.Typer(
    help="Collect clicks from the sites of [collect], until stopped.",
    invoke_without_command=True,
)

Host = Annotated[
    str,
    typer.Option(
        "--host", metavar="ADDRESS", help="Where to listen; other than here needs TLS or a proxy."
    ),
]
Port = Annotated[int, typer.Option("--port", metavar="PORT", help="Port; 0: any free one.")]
Proxy = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="ADDRESS",
        help="A proxy there ends TLS and says whom it forwards for (X-Forwarded-For).",
    ),
]
Certificate = Annotated[
    Path | None, typer.Option("--certificate", metavar="FILE", help="TLS: the chain, as PEM.")
]
CertificateKey = Annotated[
    Path | None, typer.Option("--certificate-key", metavar="FILE", help="TLS: its key, as PEM.")
]


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
    from convsync.collect.serving import Tls, serve
    from convsync.wiring.collecting import collector_of

    if (certificate is None) != (certificate_key is None):
        raise OperatorError("--certificate and --certificate-key go together: name both.")
    tls = Tls(certificate, certificate_key) if certificate and certificate_key else None
    application = collector_of(options.load(config))
    serve(application, host=host, port=port, proxy=proxy, tls=tls, announce=typer.echo)


@app.command()
def snippet(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The [collect.NAME] it is for.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print a site's script, for sites that serve it themselves."""
    from convsync.wiring.collecting import script_of

    typer.echo(script_of(options.load(config), name))
