"""Resources as the conformance program reads them."""

from typing import Any

Resource = dict[str, Any]


def kubernetes(name: str, kind: str, namespace: Any, provider: str = "mutable", **rest: Any) -> Resource:
    """A Kubernetes object with a fixed name: its resource's name. `kind` is like apps/v1:Deployment."""
    metadata: Resource = {"name": name, **({"namespace": namespace} if namespace else {}), **rest.pop("metadata", {})}
    api_version, _, kind_name = kind.partition(":")
    options: Resource = {key: rest.pop(key) for key in ("ignore", "timeout", "depends", "outputs") if key in rest}
    props = {"apiVersion": api_version.removeprefix("core/"), "kind": kind_name, "metadata": metadata, **rest}
    return {"name": name, "type": f"kubernetes:{kind}", "provider": provider, "props": props, **options}


def space(name: str) -> Resource:
    """A Namespace. Others name it by reference, so that they are made after it and removed before it."""
    return kubernetes(name, "core/v1:Namespace", None) | {"name": "space"}


def pods(image: str, command: list[str] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod template."""
    container: Resource = {"name": "app", "image": image, "imagePullPolicy": "IfNotPresent"}
    if command:
        container["command"] = command
    return {
        "metadata": {"labels": {"app": "app"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **spec},
    }


def deployment(namespace: Any, template: dict[str, Any], replicas: int = 1, **rest: Any) -> Resource:
    """A Deployment called `app`."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "app"}}, "template": template}
    return kubernetes("app", "apps/v1:Deployment", namespace, spec=spec, **rest)


def edited(resources: list[Resource], **edits: dict[str, Any]) -> list[Resource]:
    """The same resources, with the top-level properties of some replaced, by resource name."""
    return [{**resource, "props": {**resource["props"], **edits.get(resource["name"], {})}} for resource in resources]
