"""Everything that only LinkedIn knows: its Conversions API, codes, versions and sign-in."""
