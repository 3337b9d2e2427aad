"""The store: one SQLite file, several processes at once. The only package that knows SQLite.

`database.py` opens the file and runs work in transactions; the other modules are plain functions over one open
transaction, so that a use case composes several of them into one commit.
"""
