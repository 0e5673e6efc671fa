"""The platforms that the sandbox plays beside Google, by the words for them: a line for each."""

from collections.abc import Callable, Mapping

from convsync.sandbox.linkedin.room import LinkedInRoom
from convsync.sandbox.meta.room import MetaRoom
from convsync.sandbox.microsoft.room import MicrosoftRoom
from convsync.sandbox.room import House, Room

ROOMS: Mapping[str, Callable[[House], Room]] = {
    "linkedin": LinkedInRoom,
    "microsoft": MicrosoftRoom,
    "meta": MetaRoom,
}


def rooms_of(house: House) -> dict[str, Room]:
    """Return a room for every platform, each with empty books."""
    return {name: make(house) for name, make in ROOMS.items()}
