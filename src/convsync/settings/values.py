"""The values a configuration may hold: what is read where a name, a number or a day stands."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from convsync.extract.database_address import problem_of_address
from convsync.extract.date_formats import mistakes_in
from convsync.model.countries import country_named
from convsync.model.money import CURRENCIES, MOST

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return two tables as one, key by key at every depth; `above` goes before `below`."""
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        is_table = isinstance(value, Mapping) and isinstance(under, Mapping)
        both[key] = merged(under, value) if is_table and under is not None else value
    return both


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone '{value}'; write one such as Europe/Berlin"
        ) from None


def _digits(value: Any) -> str:
    """Take an account as people write it, 123-456-7890, or an action's ID; keep its digits."""
    text = str(value).replace("-", "").strip() if isinstance(value, str | int) else ""
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
        raise ValueError(f"'{value}' is not a number; copy the digits from Google Ads")
    return text


def _action(value: Any) -> str:
    """Take what a platform knows a conversion action by: a number, or a name."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    if isinstance(value, bool) or not text or len(text) > 256 or not text.isprintable():
        raise ValueError(f"'{value}' names no conversion action; it is a number or a name")
    return text


def _account(value: Any) -> Any:
    digits = _digits(value)
    if len(digits) != 10:
        raise ValueError(f"'{value}' is not an ad account; it has ten digits: 123-456-7890")
    return digits


def _file_or_none(value: Any) -> Any:
    return None if value is False or value == "" else value


def _audit_key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 16:
        raise ValueError("a key has at least 16 characters; make one with `openssl rand -hex 32`")
    return value


def moves(value: Any) -> Any:
    """Take `"rules.won" = …` as well as `rules.won = …`, which is how a variable arrives."""
    if not isinstance(value, Mapping):
        return value
    found: dict[Any, Any] = {}
    for kind, inner in value.items():
        if isinstance(inner, Mapping):
            found |= {f"{kind}.{name}": target for name, target in inner.items()}
        else:
            found[kind] = inner
    return found


def listed(value: Any) -> Any:
    """Take one word for a list of it."""
    return [value] if isinstance(value, str) else value


def _amount(value: Any) -> Any:
    if value == "skip":
        return None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            amount = Decimal(str(value))
        except ArithmeticError:
            amount = None
        if amount is not None and amount.is_finite() and 0 <= amount <= MOST:
            return amount
    raise ValueError(f"'{value}' is neither \"skip\" nor an amount to send instead")


def _where(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError(
        'write "application_default", "refresh_token", "none", or the path of a key file'
    )


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise ValueError(f"'{value}' is not an ISO 4217 currency such as EUR")
    return value


def _region(value: str) -> str:
    if value in SUPPORTED_REGIONS:
        return value
    meant = country_named(value)
    instead = f"write {meant}" if meant else "write one such as DE"
    raise ValueError(f"'{value}' is no country's code of ISO 3166; {instead}")


def _date_formats(value: tuple[str, ...]) -> tuple[str, ...]:
    if mistakes := list(mistakes_in(value)):
        raise ValueError("; ".join(mistakes))
    return value


def _api_url(value: str) -> str:
    if "@" in value:  # whatever is wrong with it, it may hold a password: show nothing of it
        raise ValueError(
            "the address holds an @; leave user and password out of it, and set the credentials"
            " under their own keys"
        )
    if not value.lower().startswith("https://") and not is_loopback(value):
        raise ValueError(f"'{value}' must begin with https://; only this machine may do without")
    return value.rstrip("/")


def _database_url(value: SecretStr) -> SecretStr:
    if problem := problem_of_address(value.get_secret_value()):
        raise ValueError(f"the address {problem}")
    return value


ApiUrl = Annotated[str, AfterValidator(_api_url)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Digits = Annotated[str, BeforeValidator(_digits)]
ActionId = Annotated[str, BeforeValidator(_action)]
AccountId = Annotated[str, BeforeValidator(_account)]
Words = Annotated[tuple[str, ...], BeforeValidator(listed)]
DateFormats = Annotated[Words, AfterValidator(_date_formats)]
Separator = Annotated[str, Field(min_length=1, max_length=5)]
InsteadOfAmount = Annotated[Decimal | None, BeforeValidator(_amount)]
Currency = Annotated[str, AfterValidator(_currency)]
OptionalFile = Annotated[Path | None, BeforeValidator(_file_or_none)]
AuditKey = Annotated[SecretStr, AfterValidator(_audit_key)]
Moves = Annotated[dict[str, str], BeforeValidator(moves)]
Region = Annotated[str, AfterValidator(_region)]
Credentials = Annotated[str, BeforeValidator(_where)]
Amount = Annotated[Decimal, Field(ge=0, le=MOST)]
Days = Annotated[float, Field(gt=0, le=3650)]
Minutes = Annotated[float, Field(ge=0, le=30 * 24 * 60)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class Table(BaseModel):
    """A table of the file: frozen, and without unknown keys.

    A validator is built for the configuration as a whole, at its first use, and for no table by
    itself: every command pays for that before it answers.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True
    )


class TimeColumnTable(Table):
    """A column of times; if it holds dates, midnight means the whole day."""

    column: str
    is_date: bool = False


def time_column(value: Any) -> Any:
    """Take a column's name for its table."""
    return {"column": value} if isinstance(value, str) else value


TimeColumn = Annotated[TimeColumnTable, BeforeValidator(time_column)]


class CustomerWords(Table):
    """The words of the field `customer_type`. Any other word, or a blank, means unknown."""

    new: Words = ()
    returning: Words = ()
    reengaged: Words = ()


class ConsentWords(Table):
    """The words of the consent columns. A blank is unspecified; any other word makes deals wait."""

    granted: Words = ()
    denied: Words = ()
    unspecified: Words = ()
