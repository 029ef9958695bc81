"""The memory of the machine."""

import os


def installed() -> int:
    """Return how much there is, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
