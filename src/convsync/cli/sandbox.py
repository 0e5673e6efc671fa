"""`sandbox`: both Google APIs and the CRMs on this machine, to try all without an account."""

import json
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from convsync.cli import output
from convsync.errors import OperatorError

app = typer.Typer(
    help="Serve both Google APIs and the CRMs on this machine until interrupted.",
    invoke_without_command=True,
)

Host = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Where to listen; other than on this machine it needs a token.",
    ),
]
HttpPort = Annotated[
    int, typer.Option("--http-port", metavar="PORT", help="The port for HTTP; 0 for any free one.")
]
GrpcPort = Annotated[
    int, typer.Option("--grpc-port", metavar="PORT", help="The port for gRPC; 0 for any free one.")
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        envvar="CONVSYNC_SANDBOX_TOKEN",
        show_envvar=True,
        help="Required from anyone who sets its switches or reads its books.",
    ),
]
Demo = Annotated[
    bool, typer.Option("--demo", help="Fill the CRM, write a config, and print what to try.")
]
Crm = Annotated[str, typer.Option("--crm", metavar="NAME", help="The CRM that --demo plays.")]
Folder = Annotated[
    Path, typer.Option("--folder", metavar="FOLDER", help="Where --demo writes its config.")
]
SandboxAsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="WHEN",
        help="Stop its clock at this instant; UTC without an offset.",
    ),
]
Url = Annotated[
    str,
    typer.Option(
        "--url", metavar="URL", envvar="CONVSYNC_SANDBOX_URL", help="Where the sandbox is."
    ),
]
DEFAULT_URL = "http://127.0.0.1:8470"


@app.callback()
def sandbox(
    context: typer.Context,
    host: Host = "127.0.0.1",
    http_port: HttpPort = 8470,
    grpc_port: GrpcPort = 8471,
    token: Token = None,
    *,
    demo: Demo = False,
    crm: Crm = "hubspot",
    folder: Folder = Path("sandbox"),
    as_of: SandboxAsOf = None,
) -> None:
    """Serve until interrupted; `show books` says what was counted."""
    if context.invoked_subcommand is not None:
        return
    from convsync.sandbox.living import settle_in
    from convsync.sandbox.server import as_json, serve

    try:
        announce = settle_in(crm, folder) if demo else as_json
    except ValueError as error:
        raise OperatorError(f"--crm {crm}: {error}.") from None
    try:
        serve(host, http_port, grpc_port, token=token, at=_instant(as_of), announce=announce)
    except (ValueError, OSError, RuntimeError) as error:  # grpc's word for a taken port
        raise OperatorError(f"The sandbox cannot listen on {host}: {error}") from error


@app.command("set")
def set_(
    switch: Annotated[
        str | None,
        typer.Argument(metavar="SWITCH", help="Which switch; without it, all are listed."),
    ] = None,
    value: Annotated[str, typer.Argument(metavar="JSON", help="What to set it to.")] = "null",
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Set one of the sandbox's switches: its clock, faults, verdicts, account, CRMs."""
    if switch is None:
        for path, form in _asked("GET", url, "switches", token).items():
            typer.echo(f"{path}\n{textwrap.indent(form, '    ')}")
        return
    try:
        body = json.loads(value)
    except ValueError:
        raise OperatorError(
            f"{value} is not JSON. `convsync sandbox set` lists what each switch accepts."
        ) from None
    output.show_json(_asked("POST", url, switch, token, body))


@app.command()
def show(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="books, clock, webhook, ping, crms/NAME/requests.")
    ],
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Show what the sandbox knows: the platform's books, its clock, the alerts it received."""
    output.show_json(_asked("GET", url, what, token))


def _asked(method: str, url: str, path: str, token: str | None, body: Any = None) -> Any:
    import requests

    headers = {} if token is None else {"X-Sandbox-Token": token}
    try:
        answer = requests.request(
            method, f"{url}/{path.strip('/')}", json=body, headers=headers, timeout=10
        )
        told = answer.json()
    except requests.exceptions.JSONDecodeError:
        raise OperatorError(
            f"The sandbox has no {path}. `convsync sandbox set` lists all."
        ) from None
    except requests.RequestException as error:
        raise OperatorError(
            f"No sandbox answers at {url} ({type(error).__name__}). Start it with"
            " `convsync sandbox`, or give its URL with --url."
        ) from None
    if not answer.ok:
        raise OperatorError(f"The sandbox refused {path}: {told.get('error')}.")
    return told


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"--as-of {text} is not a time such as 2026-03-01T02:00.") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
