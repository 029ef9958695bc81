"""A stack from nothing: its file, its keys, and what the forge has to know of it (docs/init.md)."""
