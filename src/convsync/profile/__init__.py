"""What the records of a source look like as a whole, and what that would do to conversions."""
