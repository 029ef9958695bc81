"""What the namespaces of environments are called. Each mistake is one line."""

from collections.abc import Iterator, Sequence

from components.settings.environment import Environment
from components.settings.errors import Location, contradiction


def namespace_inconsistencies(environments: Sequence[Environment]) -> Iterator[str]:
    """Yield a line for each namespace that is the cluster's own, or used for something else."""
    taken: dict[str, str] = {}
    names: set[str] = set()
    for index, environment in enumerate(environments):
        if environment.name in names:  # which is refused by itself
            continue
        names.add(environment.name)
        for role in ("workload", "delivery"):
            name: str = getattr(environment, f"{role}_namespace")
            place: Location = ("environments", index, "name")
            if getattr(environment.namespaces, role):
                place = ("environments", index, "namespaces", role, "name")
            if name in ("default", "tekton-pipelines", "tekton-pipelines-resolvers") or name.startswith("kube-"):
                yield contradiction(place, name, "is a namespace of the cluster itself; choose another")
            elif name in taken:
                yield contradiction(place, name, f"is {taken[name]}; choose another")
            taken.setdefault(name, f"the {role} namespace of {environment.name}")
