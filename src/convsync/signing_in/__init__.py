"""Signing in at a vendor, once: a person agrees on its page, and a refresh token comes back.

`way` says what differs between vendors, `agreement` asks and exchanges, `callback` listens for the
browser that comes back. Where the token is kept is the settings' part, which read it every night.
"""
