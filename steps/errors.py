"""What ends a step."""


class StepError(Exception):
    """Ends a step; its text says why."""

    prefix = "error: "
    """What comes before it in the log."""
