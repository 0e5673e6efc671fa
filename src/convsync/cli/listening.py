"""Options of commands that listen: on which address, and through what browsers come."""

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Where to listen; other than on this machine it needs TLS or a proxy.",
    ),
]
Port = Annotated[int, typer.Option("--port", metavar="PORT", help="The port; 0 for any free one.")]
Proxy = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="ADDRESS",
        help="A proxy at this address terminates TLS and sends X-Forwarded-For.",
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option("--certificate", metavar="FILE", help="The TLS certificate chain, as PEM."),
]
CertificateKey = Annotated[
    Path | None, typer.Option("--certificate-key", metavar="FILE", help="The TLS key, as PEM.")
]
