"""What `pipeline` orders: opening a run, its steps, checking its plan, and ending it."""
