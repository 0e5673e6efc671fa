"""Microsoft's room: offline conversions over REST, as strict as anything that is known of it."""
