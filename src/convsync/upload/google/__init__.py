"""Everything that only Google knows: both of its APIs, its codes, its sign-in, its accounts."""
