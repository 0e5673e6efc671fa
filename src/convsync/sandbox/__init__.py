"""The ad platform on loopback, so that what was reported can be read in somebody else's books.

It answers Google's unmodified clients and enforces Google's rules. It shares no code with the rest
of convsync: a mistake made there must not be made here too.
"""
