"""What contradicts between tables where money is concerned; see `contradictions`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_OTHERS = ("deals", "clicks", "collect")


def stated_values(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a rule's value and, where it has one, that which is expected; each with its key."""
    if isinstance(value, Mapping):
        yield "value", value
        if isinstance(expected := value.get("expected"), Mapping):
            yield "value.expected", expected


def _sums_without_a_currency(config: Mapping[str, Any]) -> Iterator[str]:
    if "rates" in config and "currency" not in _names(config, "company"):
        yield "rates: sums are converted to the company's currency; set [company] currency."


def _names_of_revenue(config: Mapping[str, Any]) -> Iterator[str]:
    others = {name for key in _OTHERS for name in _names(config, key)}
    for name in _names(config, "revenue"):
        if name in others:
            yield f"revenue.{name}: another source has that name; give revenue one of its own."


def _rules_without_revenue(config: Mapping[str, Any]) -> Iterator[str]:
    for name, rule in _names(config, "rules").items():
        value = rule.get("value") if isinstance(rule, Mapping) else None
        is_of_revenue = isinstance(value, Mapping) and value.get("kind") == "revenue"
        if is_of_revenue and not _names(config, "revenue"):
            yield (
                f'rules.{name}.value: kind = "revenue" counts what comes in after the sale, and'
                " there is no [revenue.NAME] to read it from."
            )


def _names(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = config.get(key)
    return table if isinstance(table, Mapping) else {}


MONEY_CHECKS: Sequence[Callable[[Mapping[str, Any]], Iterator[str]]] = (
    _sums_without_a_currency,
    _names_of_revenue,
    _rules_without_revenue,
)
