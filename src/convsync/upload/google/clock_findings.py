"""What a look at the clocks found: this machine's beside Google's."""

from datetime import datetime, timedelta

from convsync.model.finding import Finding, Severity
from convsync.upload.google.preflight import LINKS

SLOW_BY = timedelta(minutes=1)
WRONG_BY = timedelta(minutes=5)


def finding_of_clock(subject: str, ours: datetime, theirs: datetime) -> Finding:
    """Compare this machine's clock with the platform's."""
    apart = abs(ours - theirs)
    if apart <= SLOW_BY:
        return Finding(subject=subject)
    way = "behind" if ours < theirs else "ahead of"
    return Finding(
        severity=Severity.ERROR if apart > WRONG_BY else Severity.WARNING,
        subject=subject,
        problem=f"this machine's clock is {apart.total_seconds():,.0f} seconds {way} Google's",
        means="sign-in may be refused, conversions lie in Google's future, and clicks are held or "
        "let go at the wrong time",
        fix="synchronise the clock (timedatectl set-ntp true)",
        link=LINKS["clock"],
    )


def clock_not_read(subject: str, why: str) -> Finding:
    """Say that the clocks could not be compared."""
    return Finding(
        severity=Severity.INFO,
        subject=subject,
        problem=f"this machine's clock could not be compared with Google's: {why}",
        means="a clock that is wrong by minutes breaks sign-in and misdates conversions",
        fix="see that the clock is synchronised",
        link=LINKS["clock"],
    )
