"""What is wrong with a cell, described without showing what is in it."""

from typing import Final

_SHAPE_LENGTH: Final = 20


class CellError(Exception):
    """A cell that cannot be read. The message is the problem and its fix, without the content."""


def shape_of(text: str) -> str:
    """Return what a text looks like and not what it says: `31.12.2024` is `99.99.9999`."""
    shape = "".join(map(_masked, text[:_SHAPE_LENGTH]))
    return shape + "…" if len(text) > _SHAPE_LENGTH else shape


def _masked(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "a"
    return character if character.isprintable() else "?"
