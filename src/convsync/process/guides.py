"""Where the examples in config/ and the pages in docs/ are that messages point to.

They lie at the root of the repository, and the wheel installs them as share/convsync.
"""

import sysconfig
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_SHARE = Path("share", "convsync")
_ROOTS = (
    _PACKAGE.parents[1],  # a checkout
    Path(sysconfig.get_path("data")) / _SHARE,
    Path(sysconfig.get_path("data", sysconfig.get_preferred_scheme("user"))) / _SHARE,
    _PACKAGE.parent / _SHARE,  # pip install --target
)


def located(name: str) -> str:
    """Return where `docs/zoho.md`, say, is on this machine; the bare name where it is missing."""
    return next((str(root / name) for root in _ROOTS if (root / name).exists()), name)
