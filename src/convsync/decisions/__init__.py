"""What a person decided, put on record and carried out."""
