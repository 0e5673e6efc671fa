"""The table about what ad accounts spend."""

from pydantic import Field

from convsync.settings.values import Table


class CostsTable(Table):
    """How far back costs are fetched at first, and for how long a day is fetched again.

    `restated_days` follows from Google: it accepts conversions for 90 days after the click, and
    dates them to the click.
    """

    first_days: int = Field(default=365, ge=1, le=1127)
    restated_days: int = Field(default=90, ge=0, le=400)
