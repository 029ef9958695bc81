"""Changes of declared objects: in which worlds of stacks they are made, what they find there, rights and mounts they add."""

from collections.abc import Callable, Iterable

from tests.support import Object

ALONE, TOGETHER, ONE_STACK = "staging alone", "both stacks on one cluster", "both environments in one stack"
WORLDS = (ALONE, TOGETHER, ONE_STACK)

Change = Callable[[list[Object]], None]


def find(objects: Iterable[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    (found,) = (
        item
        for item in objects
        if (item["kind"], item["metadata"]["name"]) == (kind, name)
        and namespace in (None, item["metadata"].get("namespace"))
    )
    return found


def rule(*verbs: str, resource: str, group: str = "", names: Iterable[str] = ()) -> Object:
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)} | (
        {"resourceNames": list(names)} if names else {}
    )


def grant(account: str, namespace: str | None, *rules: Object) -> Change:
    """Give a service account (`namespace/name`) rights in a namespace, or in the whole cluster."""

    def change(objects: list[Object]) -> None:
        owner, name = account.split("/")
        metadata = {"name": "added"} | ({"namespace": namespace} if namespace else {})
        prefix = "" if namespace else "Cluster"
        objects += [
            {"kind": f"{prefix}Role", "metadata": metadata, "rules": list(rules)},
            {
                "kind": f"{prefix}RoleBinding",
                "metadata": metadata,
                "roleRef": {"kind": f"{prefix}Role", "name": "added"},
                "subjects": [{"kind": "ServiceAccount", "namespace": owner, "name": name}],
            },
        ]

    return change


def task(name: str) -> Callable[[list[Object]], Object]:
    return lambda objects: find(objects, "Task", name, "staging-ci")["spec"]


def step(objects: list[Object], name: str) -> Object:
    (found,) = (item for item in task("build")(objects)["steps"] if item["name"] == name)
    return found


def template(objects: list[Object]) -> Object:
    """The template of the run that a pull request starts."""
    found: Object = find(objects, "TriggerTemplate", "github-pr-trigger-template", "staging-ci")["spec"][
        "resourcetemplates"
    ][0]
    return found


def mounted(name: str, container: str, source: Object) -> Change:
    """Mount a volume in a step of staging's Task `name`."""

    def change(objects: list[Object]) -> None:
        spec = task(name)(objects)
        spec.setdefault("volumes", []).append({"name": "added", **source})
        (found,) = (item for item in spec["steps"] if item["name"] == container)
        found.setdefault("volumeMounts", []).append({"name": "added", "mountPath": "/added"})

    return change


def application(objects: list[Object]) -> Object:
    """The pod that runs the delivered image."""
    found: Object = find(objects, "Deployment", "chespirito-pod", "staging")["spec"]["template"]["spec"]
    return found
