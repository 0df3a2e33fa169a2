"""The city's own rules, pure: no I/O, no clock, no randomness, no logging.

Time, identities and random bytes come in as arguments; what happened goes out
as a value. Read `values`, then `cases`, then whatever you need.
"""
