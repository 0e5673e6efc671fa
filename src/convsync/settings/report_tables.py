"""How a page of reports writes numbers and days."""

from datetime import date
from typing import Literal, Self

from pydantic import model_validator

from convsync.settings.values import Table


class ReportsTable(Table):
    """How `report html` formats numbers and days.

    `date_format` is strftime's, such as %d.%m.%Y.
    """

    decimal: Literal[".", ","] = "."
    thousands: Literal[",", ".", " ", "\u2019", ""] = ","
    date_format: str = "%Y-%m-%d"

    @model_validator(mode="after")
    def _are_told_apart(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same sign; give each its own")
        if date(2026, 11, 30).strftime(self.date_format) == date(2027, 1, 2).strftime(
            self.date_format
        ):
            raise ValueError("date_format names no day; write one such as %d.%m.%Y")
        return self
