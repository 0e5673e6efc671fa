"""What a query's comparisons with `:since` and `:until` would lose, and the query without them.

A row whose stamp is NULL is outside every window, and nothing says that it was left out. So a
comparison with `:since` is widened to let NULL through, and the first read takes every comparison
with either name for true. Under a NOT it is the other way round. Where a bind is in no comparison,
the query stays as it is.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

BOUNDS: Final = ("since", "until")

_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<quoted>'\\'(?=[\s)]|$)|'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<cast>::)
    |(?P<bind>(?<![:\w\\]):[A-Za-z_]\w*)
    |(?P<compare><=>|>=|<=|<>|!=|=|<|>)
    |(?P<word>[^\W\d]\w*)
    |(?P<open>[(\[])
    |(?P<close>[)\]])
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ENDS: Final = re.compile(
    r"(?:select|from|where|and|or|not|on|having|when|then|else|join|using|group|order|limit|offset"
    r"|fetch|window|qualify|union|except|intersect|as|asc|desc|set)\Z"
)
_ENDS_UNLESS_CALLED: Final = re.compile(r"(?:left|right|inner|outer|cross|full|natural)\Z")
_BRACKETS: Final = {"case": "open", "end": "close"}
_HAS_TWO_SIDES: Final = frozenset({"between"})
_NEGATED: Final = frozenset({"exists", "in"})
_PLAIN_COLON: Final = re.compile(r"(?<!\\):")


class _Token(NamedTuple):
    """A word, sign or bracket (a CASE is one); a bracket has the depth of what is around it.

    `joins` marks an AND that belongs to a BETWEEN.
    """

    kind: str
    start: int
    end: int
    word: str
    depth: int
    joins: bool = False

    @property
    def compares(self) -> bool:
        return self.kind == "compare" or (self.kind == "word" and self.word in _HAS_TWO_SIDES)


class Comparison(NamedTuple):
    """A comparison with a bind: where it stands in the query, and what is compared.

    `is_negated` says that rows pass where it is false.
    """

    start: int
    end: int
    operand: str
    is_negated: bool


def without_window(query: str) -> str:
    """Return the query with every comparison with :since or :until letting each row pass."""
    return _rewritten(query, lambda one, _text: "1 = 0" if one.is_negated else "1 = 1")


def letting_null_through(query: str) -> str:
    """Return the query with each such comparison letting NULL pass, too."""
    return _rewritten(query, _with_null)


def as_bound_by_sqlalchemy(query: str) -> str:
    """Return the query for SQLAlchemy's `text`, which finds binds by their colons alone.

    It takes those in quotes and comments for binds unless they are written as `\\:`, and none of
    which a cast stands behind (`:since::date`).
    """
    parts, done = [], 0
    for match in _TOKEN.finditer(query):
        written = match[0]
        if match.lastgroup in {"skip", "quoted", "tag"}:
            written = _PLAIN_COLON.sub(r"\\:", written)
        elif match.lastgroup == "bind" and query.startswith("::", match.end()):
            written = f"({written})"
        parts += [query[done : match.start()], written]
        done = match.end()
    return "".join([*parts, query[done:]])


def bounds_in(query: str) -> frozenset[str]:
    """Return which of the names of a window a query uses."""
    return frozenset(token.word for token in _tokens(query) if token.kind == "bind").intersection(
        BOUNDS
    )


def comparisons_in(query: str) -> list[Comparison]:
    """Return the comparisons with a window's bounds, in the query's order, none in another."""
    tokens = _tokens(query)
    found: dict[int, Comparison] = {}
    for position, token in enumerate(tokens):
        if token.kind == "bind" and token.word in BOUNDS:
            comparison = _comparison_around(query, tokens, position)
            if comparison is not None and comparison.start not in found:
                found[comparison.start] = comparison
    return [found[start] for start in sorted(found)]


def _with_null(one: Comparison, text: str) -> str:
    is_null = f"({one.operand}) IS"
    return f"({text} AND {is_null} NOT NULL)" if one.is_negated else f"({text} OR {is_null} NULL)"


def _rewritten(query: str, rewrite: Callable[[Comparison, str], str]) -> str:
    parts, done = [], 0
    for comparison in comparisons_in(query):
        if comparison.start < done:
            continue  # it stands inside the one before
        text = query[comparison.start : comparison.end]
        parts += [query[done : comparison.start], rewrite(comparison, text)]
        done = comparison.end
    return "".join([*parts, query[done:]])


def _tokens(query: str) -> list[_Token]:
    found: list[_Token] = []
    depth = 0
    awaited: list[int] = []  # the depths at which a BETWEEN waits for its AND
    for match in _TOKEN.finditer(query):
        kind = str(match.lastgroup) if match.lastgroup != "tag" else "quoted"
        if kind == "skip":
            continue
        word = match[0].casefold()
        kind = _BRACKETS.get(word, kind) if kind == "word" else kind
        depth -= kind == "close"
        joins = word == "and" and kind == "word" and bool(awaited) and awaited[-1] == depth
        if joins:
            awaited.pop()
        if kind == "word" and word == "between":
            awaited.append(depth)
        name = word[1:] if kind == "bind" else word
        found.append(_Token(kind, match.start(), match.end(), name, depth, joins))
        depth += kind == "open"
    return found


def _comparison_around(query: str, tokens: Sequence[_Token], position: int) -> Comparison | None:
    """Return the innermost comparison around a bind, None where there is not exactly one.

    A CAST, a function or arithmetic may stand around the bind: it belongs to its side.
    """
    first = last = position
    while True:
        depth = tokens[first].depth
        first, last = _stretch(tokens, first, last)
        inside = tokens[first : last + 1]
        signs = [at for at, token in enumerate(inside) if token.compares and token.depth == depth]
        if signs:
            is_negated = _is_negated(tokens, first)
            return _compared(query, inside, signs[0], is_negated) if len(signs) == 1 else None
        if depth == 0:
            return None
        first, last = _brackets_around(tokens, first, depth)


def _stretch(tokens: Sequence[_Token], first: int, last: int) -> tuple[int, int]:
    """Return the widest range around some tokens that no AND, comma or bracket interrupts."""
    depth = tokens[first].depth
    before = _reach(tokens, range(first - 1, -1, -1), depth)
    after = _reach(tokens, range(last + 1, len(tokens)), depth)
    return first - before, last + after


def _reach(tokens: Sequence[_Token], way: range, depth: int) -> int:
    """Return how many tokens may be passed on a way."""
    for passed, position in enumerate(way):
        token = tokens[position]
        if token.depth < depth or (token.depth == depth and _ends(tokens, position)):
            return passed
    return len(way)


def _ends(tokens: Sequence[_Token], position: int) -> bool:
    """Return whether no comparison goes beyond a token; LEFT and RIGHT are functions, too."""
    token = tokens[position]
    if token.kind == "other":
        return token.word in {",", ";"}
    if token.kind != "word" or token.joins:
        return False
    is_call = position + 1 < len(tokens) and tokens[position + 1].kind == "open"
    return bool(_ENDS.match(token.word) or (_ENDS_UNLESS_CALLED.match(token.word) and not is_call))


def _brackets_around(tokens: Sequence[_Token], first: int, depth: int) -> tuple[int, int]:
    opening = next(at for at in range(first - 1, -1, -1) if tokens[at].depth < depth)
    behind = range(opening + 1, len(tokens))
    closing = next((at for at in behind if tokens[at].depth < depth), len(tokens) - 1)
    return opening, closing


def _is_negated(tokens: Sequence[_Token], first: int) -> bool:
    """Return whether an odd number of NOTs stand before a token and the brackets around it."""
    negations = _has_not_before(tokens, first)
    depth = tokens[first].depth
    for at in range(first - 1, -1, -1):
        if tokens[at].depth < depth:
            depth = tokens[at].depth
            negations += _has_not_before(tokens, at)
    return negations % 2 == 1


def _has_not_before(tokens: Sequence[_Token], at: int) -> int:
    words = [token.word for token in tokens[max(0, at - 2) : at]]
    if words and words[-1] in _NEGATED:
        del words[-1]
    return int(words[-1:] == ["not"])


def _compared(
    query: str, inside: Sequence[_Token], sign: int, is_negated: bool
) -> Comparison | None:
    sides = inside[:sign], inside[sign + 1 :]
    bound = [any(token.kind == "bind" for token in side) for side in sides]
    if not all(sides) or all(bound) or (bound[0] and inside[sign].word in _HAS_TWO_SIDES):
        return None
    start, end = inside[0].start, inside[-1].end
    operand = sides[bound[0]]
    compared = query[operand[0].start : operand[-1].end]
    return Comparison(start, end, compared, is_negated)
