"""Who answers for what a person decides: their name at this machine, unless they give another."""

import getpass
import os


def os_user() -> str:
    """Return the name of the user this process runs as; a container may know a number alone."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
