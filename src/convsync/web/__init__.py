"""The page: how the nights stand, for people who do not live in a terminal.

It asks the functions that the commands ask, so that both say the same. Everything is rendered here
and works without a script; who looks must have signed in, and who decides something must be an
operator, whose name the audit log keeps. No page holds a person's data: hashes and IDs alone.
"""
