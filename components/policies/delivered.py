"""What a deployer delivers to, by the names of workloads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Held:
    """A workload that is somebody else's."""

    application: str
    containers: Sequence[str]
    """That run the image."""


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """Workloads that one policy holds."""

    repositories: Mapping[str, str]
    """To the repository whose images each runs."""
    followers: Sequence[str] = ()
    """Those that run what another one runs: of a rollout they note what they ran before, and nothing else."""
    container: str = ""
    """Runs the image in each."""
    placeholder_repository: str = ""
    """Of what runs before the first delivery: restoring may return to it."""
    existing: Mapping[str, Held] = field(default_factory=dict)
    """Those that are somebody else's: all of them, or none. Before the first delivery they run anything, and may go back to
    just that."""
