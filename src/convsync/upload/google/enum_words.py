"""The words of enums in raw messages of Google's client; imported before anything is sent."""

from typing import Any


def enum_word(message: Any, field: str) -> str:
    """Return an enum's value in Google's spelling; its number where the package has none."""
    number = getattr(message, field)
    known = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return str(number) if known is None else str(known.name)
