"""Options of commands that listen: where, and by what way browsers come."""

from pathlib import Path
from typing import Annotated

import typer

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
