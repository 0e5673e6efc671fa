"""docs/deadlines.md: what vendors switch off, and when, with the source of each."""

from convsync.settings.crms import CRMS
from convsync.settings.platforms import OF_KIND
from convsync.watch.deadlines import DEADLINES, ENDED_BY_OTHERS, NOTICES, Deadline
from scripts.reference.markdown import MADE, code, table

_HEAD = f"""# API versions that end, and when

{MADE}

`convsync check` and the alerts ([operations.md](operations.md)) announce each of these {", ".join(map(str, NOTICES[:-1]))} and
{NOTICES[-1]} days before its last day, if your configuration uses it, and once it is past. They also announce the expiry of sign-ins that
`convsync auth` stores, and of anything you write into `[alerts.expires]`: a client secret, a contract.
"""


def deadlines_page() -> str:
    """Return the whole page."""
    known = {*OF_KIND, *CRMS}
    assert {one.kind for one in DEADLINES} <= known, "each is of something that can be configured"
    ours = table(("what", "last day", "what to do", "source"), map(_row, DEADLINES))
    others = table(
        ("what", "last day", "what to do", "source"),
        ((what, f"{day}", fix, source) for what, day, fix, source in ENDED_BY_OTHERS),
    )
    return (
        "\n".join([_HEAD, *ours, "## What convsync does not use", "", *others, ""]).rstrip() + "\n"
    )


def _row(one: Deadline) -> tuple[str, str, str, str]:
    about = " (about)" if one.is_inferred else ""
    version = f" {code(one.version)}" if one.version else ""
    return f"{one.what} ({code(one.kind)}{version})", f"{one.last_day}{about}", one.fix, one.source
