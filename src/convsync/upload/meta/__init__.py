"""Everything that only Meta knows: its Conversions API for CRM events, its codes, its datasets."""
