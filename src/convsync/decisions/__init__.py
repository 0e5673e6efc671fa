"""Decisions of a person, put on record and carried out."""
