"""`sandbox`: Google's two APIs on this machine, to try everything without an account."""

from typing import Annotated

import typer

Host = Annotated[
    str,
    typer.Option(
        "--host", metavar="ADDRESS", help="Where to listen; other than here needs a token."
    ),
]
HttpPort = Annotated[
    int, typer.Option("--http-port", metavar="PORT", help="Port for HTTP; 0: any free one.")
]
GrpcPort = Annotated[
    int, typer.Option("--grpc-port", metavar="PORT", help="Port for gRPC; 0: any free one.")
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        envvar="CONVSYNC_SANDBOX_TOKEN",
        show_envvar=True,
        help="Asked of whoever turns its switches or reads its books.",
    ),
]


def sandbox(
    host: Host = "127.0.0.1",
    http_port: HttpPort = 8470,
    grpc_port: GrpcPort = 8471,
    token: Token = None,
) -> None:
    """Serve both Google APIs until interrupted; GET /books says what was counted."""
    from convsync.errors import OperatorError
    from convsync.sandbox.server import serve

    try:
        serve(host, http_port, grpc_port, token=token)
    except (ValueError, OSError, RuntimeError) as error:  # grpc's word for a taken port
        raise OperatorError(f"The sandbox cannot listen on {host}: {error}") from error
