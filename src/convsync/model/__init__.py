"""The words convsync uses. No module here does I/O or imports a library that does.

What there is one of for every deal or conversion is a frozen `msgspec.Struct`: a dozen of them are
made for each, and one that is frozen by `dataclass` costs ten times as much to make. What there is
one of for a rule or a run is a frozen dataclass.
"""
