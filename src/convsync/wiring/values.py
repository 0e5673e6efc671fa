"""Settings' plain values, as the rest of convsync takes them."""

from datetime import timedelta

from convsync.model.customer import CustomerType
from convsync.settings.values import CustomerWords


def minutes(count: float | None) -> timedelta | None:
    """Return so many minutes, None for none."""
    return None if count is None else timedelta(minutes=count)


def customer_words(words: CustomerWords) -> dict[CustomerType, frozenset[str]]:
    """Return the words for each type of customer."""
    return {
        CustomerType.NEW: frozenset(words.new),
        CustomerType.RETURNING: frozenset(words.returning),
        CustomerType.REENGAGED: frozenset(words.reengaged),
    }
