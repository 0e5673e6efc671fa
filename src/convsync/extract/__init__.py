"""In: where deals and clicks come from. `source` says what a source promises; one file per kind."""
