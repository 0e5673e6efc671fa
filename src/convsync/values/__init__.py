"""What a lead is worth at each milestone, learned from what became of earlier ones, and frozen.

All is pure arithmetic but `versions`, which reads deals, and keeps what was learned.
"""
