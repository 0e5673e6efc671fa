"""Sets a sandbox's clock to the instant that each command uses as now.

Only where the configuration names one, as that of `convsync sandbox --demo` does.
"""

from datetime import datetime

from convsync import log
from convsync.settings import Settings

_TIMEOUT_S = 5


def let_sandbox_follow(settings: Settings, as_of: datetime | None) -> None:
    """Let the sandbox's clock stand at an instant, or go with this machine's where there is none.

    One that does not answer is logged: the calls that need it report it.
    """
    if settings.sandbox.url is None:
        return
    import requests

    now = None if as_of is None else as_of.isoformat()
    try:
        answer = requests.post(
            f"{settings.sandbox.url}/clock", json={"now": now}, timeout=_TIMEOUT_S
        )
        because = "" if answer.ok else str(answer.status_code)
    except requests.RequestException as error:
        because = type(error).__name__
    if because:
        log.warning("the sandbox's clock was not set", because=because)
