"""What a backfill is narrowed to, besides its period."""

from msgspec import Struct


class Narrowed(Struct, frozen=True, kw_only=True):
    """Deals by ID, rules and sources by name; where none are named, all are meant."""

    deal_ids: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def has_deal(self, source: str, deal_id: str) -> bool:
        """True for a deal that is meant."""
        return self.has_source(source) and (not self.deal_ids or deal_id in self.deal_ids)

    def has_rule(self, name: str) -> bool:
        """True for a rule that is meant."""
        return not self.rules or name in self.rules

    def has_source(self, name: str) -> bool:
        """True for a source that is meant."""
        return not self.sources or name in self.sources


EVERYTHING = Narrowed()
