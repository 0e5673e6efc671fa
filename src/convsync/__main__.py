"""`python -m convsync`: the command line, where its script is not on the path."""

from convsync.cli import main

main()
