"""The Google Ads API, as far as offline conversions need it; versions are loaded when called.

Importing this package imports nothing of `google.ads.googleads`, which costs most of a second and
many megabytes for each version.
"""
