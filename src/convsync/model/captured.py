"""Click IDs as forms, cookies and exports deliver them: bare or wrapped.

What wraps an ID is known, and is opened: a whole URL, one within another, a part of its query, the
cookies in which Google, Meta and Microsoft keep IDs (some with the time of the click), the `_gl` by
which Google hands them from site to site, the `<gclid>:G:s` of Search Ads 360's `ef_id`, and what a
script keeps in a browser's storage: `{"value": "<gclid>", "expiryDate": …}`, as Google's own guide
has it. A parameter of another name (`dclid=…`) is another network's, and none here. Words that
stand where an ID is missing are none. Marks that no ID contains (a spreadsheet's apostrophe,
brackets around it, characters without width) are cut. Everything else stays as it came.

Several IDs are parted by a comma or the like. Parted by white space alone, short pieces may as well
be one ID that a line break has cut in two, and are left together, which no ID may be.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from convsync.model.click import ClickId, ClickIdKind

WORDS_FOR_NOTHING: Final = frozenset(
    {
        *("undefined", "null", "none", "nil", "nan", "n/a", "na", "#n/a", "#ref!", "#value!"),
        *("not set", "not provided", "not available", "[object object]", "empty", "blank"),
        *("true", "false", "0", "1", "-", "--", ".", "unknown", "test", "no gclid", *ClickIdKind),
        *("organic", "direct", "referral", "cpc", "ppc", "google", "bing", "facebook", "email"),
        *(
            "social",
            "paid",
            "other",
            "website",
            "offline",
            "yes",
            "no",
            "tbd",
            "error",
            "#name?",
            r"\n",
        ),
    }
)
_PLACEHOLDER: Final = re.compile(
    r"\{\{?[\w .:-]{1,40}\}?\}|\$\{[\w .:-]{1,40}\}|\[[\w .:-]{1,40}\]|<[\w .:-]{1,40}>"
    r"|\([\w .:-]{1,40}\)|%%?[\w.-]{1,40}%%?|\$[a-z_]\w{0,39}"
    r"|(?:__|\*\*|##)[\w.-]{1,40}(?:__|\*\*|##)|=[A-Z][A-Z.]*\(.{0,40}\)|#[A-Z/0]{2,8}[!?]?"
    r"|(?:undefined|null|none|nan){2,}"
    r"|(?:test|your|my|sample)[-_ ]?(?:gclid|click.?id|id|[0-9]{1,6})",
    re.IGNORECASE,
)
_LONGEST_NOTHING: Final = 44
_LONGEST_ENCODED: Final = 200
"""A longer text is no click ID in which a few characters are encoded."""
_PLAIN: Final = re.compile(r"(?!GCL\.|fb\.|_uet|[0-9]\.[0-9]\.k)[A-Za-z0-9_.-]+\Z")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]{15,}\Z")
_BETWEEN: Final = re.compile(r"\s*[;,|\s]\s*")
_SEPARATOR: Final = re.compile(r"[;,|]")
_SHORTEST: Final = 26
"""The characters of the shortest click ID that is known: what is shorter may be a piece of one."""
_BRACKETED: Final = re.compile(r"[<(\[{]{1,2}([A-Za-z0-9_-]{20,200})[>)\]}]{1,2}\Z")
_VALUES: Final = ("value", "id")
"""Under which names a script keeps the ID itself."""
_NAMED: Final = re.compile(rf"({'|'.join(ClickIdKind)})\s*:\s*", re.IGNORECASE)
STRAYS: Final = dict.fromkeys(
    [0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)]
)
"""Characters without width, and those that only say in which direction a text is written."""
_AROUND: Final = " \t\r\n\u00a0'\"`´‘’“”„«»,;"

_GOOGLES: Final = re.compile(r"GCL\.([0-9]+)\.(.+)", re.DOTALL)
_GOOGLES_LATER: Final = re.compile(r"[0-9]\.[0-9]\.k([^$]+)(?:\$i([0-9]+))?.*", re.DOTALL)
_METAS: Final = re.compile(r"fb\.[0-9]\.([0-9]+)\.(.+)", re.DOTALL)
_COOKIES: Final[Mapping[str, ClickIdKind]] = {
    "_gcl_aw": ClickIdKind.GCLID,
    "fpgclaw": ClickIdKind.GCLID,
    "_gcl_gb": ClickIdKind.WBRAID,
    "fpgclgb": ClickIdKind.WBRAID,
    "_gcl_ag": ClickIdKind.GBRAID,
    "fpgclag": ClickIdKind.GBRAID,
    "_fbc": ClickIdKind.FBCLID,
    "_uetmsclkid": ClickIdKind.MSCLKID,
}
"""Google's cookies are named after the ad's kind: `gb` keeps the wbraid, `ag` the gbraid."""
_KINDS: Final = {kind.value: kind for kind in ClickIdKind} | dict(_COOKIES)
_OF_A_URL: Final = re.compile(r"/|[?&]|www\.|\{\w+\}\?|[a-z_]\w{0,30}=(?:[^=]|\Z)", re.IGNORECASE)
_NEXT_PARAMETER: Final = re.compile("[&?#]")
_DEEPEST: Final = 3
"""How many times a URL may stand within another, or be encoded over again."""
_LONGEST_KEPT: Final = 2_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Captured(NamedTuple):
    """A click ID, and when it was clicked where its wrapping says so."""

    click_id: ClickId
    clicked_at: datetime | None = None


def captured_in(kind: ClickIdKind, text: str) -> list[Captured]:
    """Return the click IDs in a text that should hold one of this kind, and nothing else."""
    if (bare := plain(text)) is not None:
        return [Captured(ClickId(kind, bare))] if bare else []
    cleaned = _without_strays(_unescaped(text))
    if (kept := _kept_by_a_script(kind, cleaned)) is not None:
        return kept
    if bracketed := _BRACKETED.match(cleaned):
        cleaned = bracketed[1]
    cleaned = _NAMED.sub(r"\1=", cleaned, count=1)
    if _means_nothing(cleaned):
        return []
    parts = _BETWEEN.split(cleaned)
    if len(parts) > 1 and all(map(_BARE.match, parts)):
        if not _SEPARATOR.search(cleaned) and min(map(len, parts)) < _SHORTEST:
            return [Captured(ClickId(kind, cleaned))]
        return _distinct(filter(None, (_opened(kind, part) for part in parts)))
    head = _NEXT_PARAMETER.split(cleaned, maxsplit=1)[0]
    if head != cleaned and _BARE.match(head):
        return _distinct([Captured(ClickId(kind, head)), *captured_in_url(cleaned)])
    if found := captured_in_url(cleaned):
        return found
    is_url = "://" in cleaned or bool(_OF_A_URL.match(cleaned))
    opened = None if is_url else _opened(kind, cleaned)
    return [opened] if opened else []


def plain(text: str) -> str | None:
    """Return a click ID that stands bare, "" where there is none, None where it is wrapped."""
    if not text or _PLAIN.match(text):
        return "" if _means_nothing(text) else text
    return None


def is_surely_bare(text: str) -> bool:
    """True of a text that is a click ID, with nothing around it and too long to mean nothing."""
    return len(text) > _LONGEST_NOTHING and bool(_PLAIN.match(text))


def captured_in_url(url: str) -> list[Captured]:
    """Return every click ID that a landing URL carries, in the URL's order, without repeats.

    Values keep their case and characters; only percent-encoding is undone. A `+` stays a `+`-for-
    space of a query, which no click ID contains. Fragments are read too: single-page sites move the
    query there.
    """
    return _distinct(_in_parameters(url, _DEEPEST))


def _in_parameters(url: str, deepest: int) -> Iterator[Captured]:
    for name, value in _parameters(url):
        if name in _KINDS:
            value, *more = _NEXT_PARAMETER.split(value, maxsplit=1)
            if opened := _opened(_KINDS[name], value):
                yield opened
            if more and deepest:  # encoded once too often
                yield from _in_parameters(more[0], deepest - 1)
        elif name == "ef_id":
            if ":G:" in value and (opened := _opened(ClickIdKind.GCLID, value)):
                yield opened
        elif name == "_gl":
            yield from _linked(value)
        elif deepest and "=" in value:
            yield from _in_parameters(value, deepest - 1)
    if deepest and "=" not in url and "%" in url:  # encoded as a whole
        yield from _in_parameters(unquote_plus(url), deepest - 1)


def _parameters(url: str) -> Iterator[tuple[str, str]]:
    for separator in "?#;":
        url = url.replace(separator, "&")
    for part in url.split("&"):
        name, equals, value = part.partition("=")
        if equals:
            value = unquote_plus(value) if "%" in value or "+" in value else value
            is_encoded_twice = "%" in value and "%3D" in value.upper()
            yield name.strip().lower(), unquote_plus(value) if is_encoded_twice else value


def _linked(value: str) -> Iterator[Captured]:
    """Yield what a `_gl` hands on: `1*<checksum>*<cookie>*<value in base 64>*…`."""
    parts = value.split("*")
    for name, encoded in zip(parts[2::2], parts[3::2], strict=False):
        if kind := _COOKIES.get(name.lower()):
            try:
                padded = encoded.rstrip(".=") + "=="
                cookie = urlsafe_b64decode(padded).decode("ascii")
            except ValueError:
                continue
            if opened := _opened(kind, cookie):
                yield opened


def _opened(kind: ClickIdKind, value: str) -> Captured | None:
    """Return the ID in what one parameter, cookie or cell says of it, None where it says none."""
    value = _without_strays(value).partition(":G:")[0]
    stamp: str | None = None
    if found := _GOOGLES.fullmatch(value):
        stamp, value = found.groups()
    elif found := _GOOGLES_LATER.fullmatch(value):
        value, stamp = found.groups()
    elif kind is ClickIdKind.FBCLID and (found := _METAS.fullmatch(value)):
        stamp, value = found.groups()
    elif kind is ClickIdKind.MSCLKID:
        value = value.removeprefix("_uet")
    if not value or _means_nothing(value):
        return None
    return Captured(ClickId(kind, value), _at(stamp))


def _at(stamp: str | None) -> datetime | None:
    """Return the instant of seconds or milliseconds since 1970."""
    if stamp is None or len(stamp) not in (10, 13):
        return None
    return _EPOCH + timedelta(seconds=int(stamp[:10]))


def _means_nothing(text: str) -> bool:
    if len(text) > _LONGEST_NOTHING:
        return False
    return text.casefold() in WORDS_FOR_NOTHING or bool(_PLACEHOLDER.fullmatch(text))


def _unescaped(text: str) -> str:
    """Return a short text without its percent-encoding."""
    is_short = len(text) <= _LONGEST_ENCODED and "=" not in text
    return unquote_plus(text) if is_short and "%" in text else text


def _kept_by_a_script(kind: ClickIdKind, text: str) -> list[Captured] | None:
    """Return the IDs in what a script keeps as JSON, None for any other text."""
    if text[:1] not in ("{", "[") or len(text) > _LONGEST_KEPT:
        return None
    try:
        kept = json.loads(text if '"' in text else text.replace("'", '"'))
    except (ValueError, RecursionError):
        return None
    named = [pair for one in (kept if isinstance(kept, list) else [kept]) for pair in _named(one)]
    texts = [
        (_KINDS.get(name.lower(), kind), value)
        for name, value in named
        if isinstance(value, str) and (name.lower() in _KINDS or name.lower() in _VALUES)
    ]
    if not texts and any(value not in (None, "") for _, value in named):
        return None
    return _distinct(found for of, value in texts for found in captured_in(of, value))


def _named(kept: object) -> list[tuple[str, object]]:
    """Return what one of the things in JSON names; a text alone is a value."""
    return [*kept.items()] if isinstance(kept, dict) else [(_VALUES[0], kept)]


def _without_strays(text: str) -> str:
    cleaned = text if text.isascii() else text.translate(STRAYS)
    return cleaned.removeprefix('="').strip(_AROUND)


def _distinct(found: Iterable[Captured]) -> list[Captured]:
    """Return each ID once, with the time that its first wrapping to tell one tells."""
    found = list(found)
    if len(found) < 2:
        return found
    first: dict[ClickId, datetime | None] = {}
    for click_id, at in found:
        first[click_id] = first.get(click_id) or at
    return [Captured(click_id, at) for click_id, at in first.items()]
