"""Sentences that a command prints and the page shows: each is written once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

FOUND_BY: Mapping[str, str] = {
    "deal": "on the deal",
    "lead": "on its lead",
    "contact": "on its contact",
    "crm": "by a CRM ID",
    "visitor": "by a visitor ID",
    "email": "by hashed e-mail",
    "phone": "by hashed phone",
    "identifier": "by consented hashes",
    "person": "by another deal or click of the same customer",
}
"""How a click was found, by the name of its `MatchBasis`."""

NO_CONVERSION = "No conversion matches."
NOBODY = "No deal and no click leads to such a customer."
TOO_MANY_DEALS = "Keys lead to more deals than a customer has, so they are not followed further."
NO_CODE = "No conversion has a code: none was rejected, deferred, blocked or unmatched."


def nothing_is_named(text: str) -> str:
    """Return that a search found nothing, and what may be the cause."""
    return (
        f"Nothing is named {text}, or has that in its name: no deal, order, click or request."
        " A click without a matched deal is not found."
    )


def more_are_named(text: str, most: int) -> str:
    """Return that a search found more names than were looked at."""
    return (
        f"More than {most} names contain {text}, and the others were not examined: give more of it."
    )


def no_deal(asked: str, unreadable: Sequence[str]) -> str:
    """Return that no deal of an ID is known, and why not where its records could not be read."""
    why = "; ".join(unreadable) or "IDs must match exactly"
    return f"No deal {asked} has been read. {why}."


def left_out(place: str) -> str:
    """Return that a deal's latest record could not be read, where it stands, and why."""
    return f"Its latest record could not be read, and is left out: {place}"


def no_run(number: int) -> str:
    """Return that there was no such run."""
    return f"There was no run {number}; `convsync runs` lists them."


def duration(took: timedelta) -> str:
    """Return a duration as people say it: 0.4s, 12s, 3m05s, 1h02m."""
    seconds = took.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
    return f"{minutes // 60}h{minutes % 60:02}m"
