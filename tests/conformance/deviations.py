"""Every known difference between the stand-ins and the official plugins.

`expect(case, seen)` in a test looks its case up here. A stand-in that no longer shows its side of a row fails, as does a row
that no test asks about, and what is not in this table must be the same for both. The official side was measured with
pulumi-resource-kubernetes 4.28 or read in the source of 4.32; it has not been run on the machines that run this suite.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Deviation:
    """One difference: what is seen with each kind of plugin, and why it is left so."""

    case: str
    official: Any
    stand_in: Any
    why: str


DEVIATIONS = (
    Deviation(
        "who owns a new object's fields",
        official="pulumi-kubernetes Update",
        stand_in="pulumi-kubernetes-x Apply",
        why="since 4.29 the official plugin creates by POST and takes the fields over at the first update; the stand-in "
        "applies from the beginning, which needs no rewriting of managedFields",
    ),
    Deviation(
        "an object changed with `kubectl edit` and then, in another field, by the program",
        official="the edit is overwritten",
        stand_in="conflict, nothing changed",
        why="the official plugin takes over what any manager called kubectl* owns, except in previews; failing closed "
        "cannot roll anything back",
    ),
    Deviation(
        "foreign edits that a refresh finds",
        official=["label", "policy", "secret"],
        stand_in=["label", "policy", "role", "secret"],
        why="the official plugin does not see an atomic list that another manager took over",
    ),
    Deviation(
        "a secret in a list in the state",
        official="the list is secret",
        stand_in="the value is secret",
        why="leaf by leaf, diffs stay readable; what moves is found by its text",
    ),
    Deviation(
        "state after a conflict",
        official="new inputs, with init errors",
        stand_in="old inputs",
        why="nothing was changed on the cluster, so nothing is changed in the state; the next update tries again either way",
    ),
    Deviation(
        "a Patch resource",
        official="planned",
        stand_in="refused",
        why="not needed here, and never silently done differently",
    ),
    Deviation(
        "waitFor on a custom resource",
        official="planned",
        stand_in="refused",
        why="not needed here, and never silently ignored",
    ),
)
