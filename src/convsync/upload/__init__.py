"""Out: where conversions go. `destination` says what a platform promises; one file per platform."""
