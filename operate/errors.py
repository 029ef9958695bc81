"""What ends a command when the person, not the program, has to act."""


class OperateError(Exception):
    """An expected failure. Its message says what is wrong, what there is, and how to go on."""
