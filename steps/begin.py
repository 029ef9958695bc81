"""A delivery has started: older runs of the pull request are cancelled, and it says so."""

from dataclasses import dataclass

from steps import announce, supersede


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    older: supersede.Inputs
    status: announce.Inputs


def run(inputs: Inputs) -> None:
    """Cancel, then tell."""
    supersede.run(inputs.older)
    announce.run(inputs.status)
