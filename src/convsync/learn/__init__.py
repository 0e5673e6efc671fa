"""Pure: what a lead is worth at each milestone, learned from what became of earlier ones."""
