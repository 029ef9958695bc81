"""The least versions that stacks need; docs/real-clusters.md and README.md say the same."""

import re

from tekton.versions import TRIGGERS as TRIGGERS

Version = tuple[int, ...]

# `procMount: Unmasked` in a pod with a user namespace: https://kubernetes.io/docs/tasks/configure-pod-container/user-namespaces/
KUBERNETES: Version = (1, 35)
# User namespaces by default.
WITHOUT_PROCESS_SANDBOX: Version = (1, 33)
PIPELINES: Version = (1, 15, 0)
# Of the container runtimes by the names that nodes tell, the first with user namespaces.
RUNTIMES: dict[str, Version] = {"containerd": (2, 0), "cri-o": (1, 25)}


def parsed(text: str) -> Version | None:
    """Return the numbers that a version begins with; None if it begins with none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(int(number) for number in found[1].split(".")) if found else None


def told(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))
