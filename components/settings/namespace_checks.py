"""What the namespaces of environments are called. Each mistake is one line."""

from collections.abc import Iterator, Sequence

from components.settings.cluster import Cluster
from components.settings.environment import Environment
from components.settings.errors import Location, contradiction

OF_THE_CLUSTER = ("default", "tekton-pipelines", "tekton-pipelines-resolvers")


def namespace_inconsistencies(environments: Sequence[Environment], cluster: Cluster) -> Iterator[str]:
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
            if name in (*OF_THE_CLUSTER, cluster.tekton_namespace, cluster.dns.namespace) or name.startswith("kube-"):
                yield contradiction(place, name, "is a namespace of the cluster itself; choose another")
            elif name in taken:
                yield contradiction(place, name, f"is {taken[name]}; choose another")
            taken.setdefault(name, f"the {role} namespace of {environment.name}")
