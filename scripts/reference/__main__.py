"""Writes the pages that are made from the code."""

from scripts.reference import write_pages

write_pages()
