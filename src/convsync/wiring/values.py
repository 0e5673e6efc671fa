"""Settings' plain values, as the rest of convsync takes them."""

from datetime import timedelta


def minutes(count: float | None) -> timedelta | None:
    """Return so many minutes, None for none."""
    return None if count is None else timedelta(minutes=count)
