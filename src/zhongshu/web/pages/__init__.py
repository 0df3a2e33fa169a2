"""Pages for people. Each route reads, calls one flow, and renders or redirects."""
