"""Reports which ad clicks became qualified leads and sales, and accounts for every deal."""

__version__ = "0.1.0"
