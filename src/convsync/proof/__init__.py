"""What proves the audit log: its head outside the database, its replay, and its sealed part."""
