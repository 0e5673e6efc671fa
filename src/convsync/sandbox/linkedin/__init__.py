"""LinkedIn's room: the Conversions API, as strict as anything that is known of it."""
