"""The tables of version 0.1, a file for each area, spelled out: they are what was released."""
