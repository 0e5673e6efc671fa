"""Memory that a step needed for a while, given back before the next step takes some of its own.

The C library keeps what was freed for whoever asks next. After the keys of a million deals were
gone through that was 34 MB, and what a run needs later, the platform's library above all, came on
top of it.
"""

import sys


def give_back() -> None:
    """Give free memory back to the operating system, where the C library offers that (glibc)."""
    if sys.platform == "linux":
        import ctypes  # in few runs

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
