"""The words convsync uses. No module here does I/O or imports a library that does."""
