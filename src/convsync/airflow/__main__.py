"""Prints the pools of a folder of companies, for `airflow pools import`.

python -m convsync.airflow FOLDER > pools.json
"""

import sys
from pathlib import Path

from convsync.airflow.companies import companies_in
from convsync.airflow.nights import pools_as_json, pools_of
from convsync.errors import ConvsyncError


def main() -> int:
    """Print the pools; return the exit code."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m convsync.airflow FOLDER\n")
        return 2
    try:
        sys.stdout.write(pools_as_json(pools_of(companies_in(Path(sys.argv[1])))) + "\n")
    except ConvsyncError as error:
        sys.stderr.write(f"convsync: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
