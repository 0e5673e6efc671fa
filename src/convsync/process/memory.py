"""Memory that a step needed for a while, given back before the next step takes some of its own.

The C library keeps what was freed for whoever asks next, and what is asked for next does not always
fit. Once a million deals were joined and their order IDs sorted, that was some 30 MB.
"""

import sys
from typing import Final

_MANY: Final = 20_000
"""What fewer conversions took to plan is not worth the look."""


def give_back(*, after: int) -> None:
    """Give free memory back to the system once so many conversions were planned (with glibc)."""
    if after > _MANY and sys.platform == "linux":
        import ctypes  # in few runs

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
