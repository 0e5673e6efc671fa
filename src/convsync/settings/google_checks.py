"""What contradicts between the tables of Google's destinations, and the rules that use them."""

from collections.abc import Iterator, Mapping

from convsync.settings.values import is_loopback
from convsync.settings.written import (
    Config,
    destination_of,
    destinations_of_kind,
    is_true,
    rules_to,
    text_in,
)

VALUE_ZERO = "value_zero"
_KINDS = ("data_manager", "google_ads")
_REFRESH = ("client_id", "client_secret", "refresh_token")


def action_problem(action_id: str) -> str | None:
    """Return what is wrong with the ID of a conversion action, None where nothing is."""
    if action_id.isascii() and action_id.isdigit():
        return None
    return f"'{action_id}' is not a number; copy the digits from Google Ads"


def _variables_of_rules(config: Config) -> Iterator[str]:
    for name, rule in rules_to(config, "google_ads").items():
        variable = text_in(rule, "days_to_close_variable")
        numbers = destination_of(rule, config).get("custom_variables")
        if variable is None or (isinstance(numbers, Mapping) and variable in numbers):
            continue
        yield (
            f"rules.{name}.days_to_close_variable: the Google Ads API needs the number of "
            f"'{variable}'; write it into the destination's custom_variables."
        )


def _other_roads(config: Config) -> Iterator[str]:
    roads = sorted(destinations_of_kind(config, "google_ads"))
    for name, table in destinations_of_kind(config, *_KINDS).items():
        other = table.get("retract_with", VALUE_ZERO)
        if isinstance(other, str) and other not in {VALUE_ZERO, *roads}:
            listed = ", ".join([VALUE_ZERO, *roads])
            yield f"destinations.{name}.retract_with: must be one of {listed}."
        other = table.get("read_with")
        if isinstance(other, str) and other not in roads:
            listed = ", ".join(roads) or "there is none; add one"
            yield (
                f"destinations.{name}.read_with: must name a destination of kind google_ads: "
                f"{listed}."
            )


def _sign_ins(config: Config) -> Iterator[str]:
    for name, table in destinations_of_kind(config, *_KINDS).items():
        if table.get("credentials") == "refresh_token":
            yield from (
                f"destinations.{name}.{key}: is missing." for key in _REFRESH if not table.get(key)
            )
        if table.get("credentials") == "google_ads" and table.get("kind") != "google_ads":
            yield (
                f'destinations.{name}.credentials: "google_ads" is for a destination of that kind.'
            )


def _endpoints(config: Config) -> Iterator[str]:
    for name, table in destinations_of_kind(config, *_KINDS).items():
        place = f"destinations.{name}"
        is_local = is_loopback(f"//{table.get('endpoint', '')}")
        has_rest = table.get("kind") != "google_ads"
        rest = str(table.get("rest_endpoint", "https://")) if has_rest else "http://localhost"
        if is_true(table.get("plaintext")) and not is_local:
            yield f"{place}.plaintext: only an endpoint on this machine may be plaintext."
        if not rest.lower().startswith("https://") and not is_loopback(rest):
            yield f"{place}.rest_endpoint: only one on this machine may do without https://."
        if table.get("credentials") == "none" and not (is_local and is_loopback(rest)):
            yield (
                f'{place}.credentials: "none" is for the sandbox, with endpoint and rest_endpoint '
                "on this machine."
            )


GOOGLE_CHECKS = (_variables_of_rules, _other_roads, _sign_ins, _endpoints)
