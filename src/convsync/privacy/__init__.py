"""What people may ask for: their consent heard, and what is theirs forgotten."""
