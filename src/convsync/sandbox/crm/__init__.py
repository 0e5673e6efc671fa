"""CRMs on loopback: one book of deals and people, and one file per vendor that serves it."""
