"""Consent statements applied, and people forgotten."""
