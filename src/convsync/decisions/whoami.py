"""Who is responsible for a decision: the user's name on this machine, unless another is given."""

import getpass
import os


def os_user() -> str:
    """Return the name of the user this process runs as; a container may know a number alone."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
