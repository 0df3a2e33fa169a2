"""The web, thin: read the request, call one flow, answer. Nothing is decided here."""
