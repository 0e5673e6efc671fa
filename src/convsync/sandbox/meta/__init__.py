"""Meta's room: the Conversions API for CRM events, as strict as anything that is known of it."""
