"""Explicit SQL, one dialect: a transaction goes in, core values come out.

A store function is one statement. It takes ``tx`` first, lists its columns, orders
explicitly with a unique last key and has a limit. Nobody here commits: one call in
`flow` is one transaction.
"""
