"""Which conversions a person wants tried again."""

from msgspec import Struct


class Chosen(Struct, frozen=True, kw_only=True):
    """Conversions with one of these codes, of these deals, planned or last sent by this run.

    What is empty or None chooses nothing by itself; what is given has to hold all together.
    """

    codes: frozenset[str] = frozenset()
    deal_ids: frozenset[str] = frozenset()
    run_id: int | None = None

    def __bool__(self) -> bool:
        return bool(self.codes or self.deal_ids) or self.run_id is not None

    def __str__(self) -> str:
        parts = [
            *(f"code {code}" for code in sorted(self.codes)),
            *(f"deal {deal_id}" for deal_id in sorted(self.deal_ids)),
            *([] if self.run_id is None else [f"run {self.run_id}"]),
        ]
        return ", ".join(parts)
