"""`python -m convsync`: the command line, if its script is not on the path."""

from convsync.cli import main

main()
