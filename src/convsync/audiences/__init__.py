"""People who did or did not buy, as lists of an ad account, with their own ledger.

The one promise: after a night each list holds exactly those who meet its condition, have agreed to
it, and are known by an e-mail or phone. `condition` says who that is, `matching` finds them among
the stored deals, `keeping` brings the platform's list there.
"""
