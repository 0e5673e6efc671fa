"""From a source into the store: windows, and what is gone, merged or could not be read."""
