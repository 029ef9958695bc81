"""What a stack declares: one noun a module. `__main__.py` reads as the whole picture."""
