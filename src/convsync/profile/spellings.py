"""Words that are one word to a person: `GTXPro` and `GTX Pro`, `Google` and `google`."""

from collections import defaultdict
from collections.abc import Iterable


def alike(words: Iterable[str]) -> list[list[str]]:
    """Return the words that differ in nothing but case, spaces or signs, together."""
    spellings = defaultdict[str, list[str]](list)
    for word in words:
        if bare := "".join(letter for letter in word.casefold() if letter.isalnum()):
            spellings[bare].append(word)
    return [sorted(group) for group in spellings.values() if len(group) > 1]
