"""Words that are one word to a person: `GTXPro` and `GTX Pro`, `Google` and `google`."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from convsync.extract.cell_error import shape_of

_LONGEST: Final = 24


def alike(words: Iterable[str]) -> list[list[str]]:
    """Return the words that differ in nothing but case, spaces or signs, together."""
    spellings = defaultdict[str, list[str]](list)
    for word in words:
        if bare := "".join(letter for letter in word.casefold() if letter.isalnum()):
            spellings[bare].append(word)
    return [sorted(group) for group in spellings.values() if len(group) > 1]


def cased_shape(word: str) -> str:
    """Return a word's shape by which two spellings can be told apart: `Google` is `Aaaaaa`."""
    return "".join(
        ("A" if letter.isupper() else "a") if letter.isalpha() else shape_of(letter)
        for letter in word[:_LONGEST]
    )
