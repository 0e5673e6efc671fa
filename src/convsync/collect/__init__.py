"""Clicks as they happen: the snippet for the advertiser's site, and the endpoint it reports to."""
