"""The configuration: one TOML file, overridden by `CONVSYNC_…` variables and a secrets directory.

Read once, then frozen. What has a name of its own (a source, a rule, a destination) is a table
under that name, so that every value can be overridden:
`CONVSYNC_DESTINATIONS__GOOGLE__OPERATING_ACCOUNT`, or a file of that name in the folder which
`CONVSYNC_SECRETS_DIR` points to. Secrets are only ever named in the file.
"""

from convsync.settings.loading import load_settings
from convsync.settings.tables import Settings

__all__ = ["Settings", "load_settings"]
