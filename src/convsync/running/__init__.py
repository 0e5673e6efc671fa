"""What `pipeline` orders: how a run is opened, its steps, what weighs its plan, and how it ends."""
