"""Use cases. One call is one transaction; no network; time and randomness are given."""
