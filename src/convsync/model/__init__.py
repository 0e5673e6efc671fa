"""The words convsync uses. No module here does I/O or imports a library that does.

What there is one of for every deal or conversion is a frozen `msgspec.Struct`: a dozen of them are
made for each, and one that is frozen by `dataclass` costs ten times as much to make. What there is
one of for a rule or a run is a frozen dataclass.

Those of which there are most are no business of the garbage collector (`gc=False`): what is frozen
never holds what holds it, and to look through them all was a fifth of what deals cost to store.
"""
