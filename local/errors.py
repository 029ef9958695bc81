"""What the local tooling raises when the user, not the program, has to act."""


class UserError(Exception):
    """An expected failure. Its message says what is wrong, where, and how to mend it; it is printed without a traceback."""
