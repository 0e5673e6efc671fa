"""A query's text, read from left to right: what the query languages of CRMs have in common."""

import re
from collections.abc import Callable

Token = tuple[str, str]
"""The name of the group of the pattern that found it, and its text."""
END = "end"


def tokens_of(
    text: str, token: re.Pattern[str], refused: Callable[[str], Exception]
) -> list[Token]:
    """Return the tokens of a text; raise what `refused` makes of the place where there is none."""
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = token.match(text, at)
        if not found:
            raise refused(text[at : at + 10])
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
        at = found.end()
    return tokens


class QueryText:
    """Steps over tokens. Key words may be in any case; a text in quotes is none.

    What is not expected raises what `refused` makes of the token that is there.
    """

    def __init__(
        self, tokens: list[Token], refused: Callable[[str], Exception], *, end: str = ""
    ) -> None:
        self._tokens = [*tokens, (END, end)]
        self._refused = refused
        self._at = 0

    def peek(self) -> Token:
        """Return the token that is next."""
        return self._tokens[self._at]

    def step(self) -> None:
        """Go on to the token after."""
        self._at += 1

    def has(self, *words: str) -> bool:
        """Step over these words or signs, if they are next."""
        following = self._tokens[self._at : self._at + len(words)]
        if [text.lower() for kind, text in following if kind != "text"] != [*words]:
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Step over these words or signs, which must be next."""
        if not self.has(*words):
            raise self.unexpected()

    def next(self, kind: str) -> str:
        """Step over a token, which must be of that kind, and return its text."""
        found, text = self.peek()
        if found != kind:
            raise self.unexpected()
        self.step()
        return text

    def expect_end(self) -> None:
        """Make sure that nothing is left."""
        if self.peek()[0] != END:
            raise self.unexpected()

    def ordered(self) -> tuple[str, bool]:
        """Step over a column and its direction, and return it with whether it descends."""
        column = self.next("word")
        descends = self.has("desc")
        if not descends:
            self.has("asc")  # which is what it is anyway
        return column, descends

    def unexpected(self) -> Exception:
        """Return the error that names the token that is next."""
        return self._refused(self.peek()[1])
