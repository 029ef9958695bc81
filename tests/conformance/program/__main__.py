"""Declares the resources that `scenario.json` lists, by type token, without the SDKs: what is tested is the plugin.

In a resource's properties, {"$ref": ["name", "path", ...]} is another resource's output and {"$secret": value} a secret.
"""

import json
import os
from pathlib import Path
from typing import Any

import pulumi

declared: dict[str, "Plain"] = {}


class Plain(pulumi.CustomResource):
    """A resource of any type; `outputs` names what is read from it beside its inputs."""

    def __init__(self, spec: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        props = {**dict.fromkeys(spec.get("outputs", [])), **resolve(spec.get("props", {}))}
        super().__init__(spec["type"], spec["name"], props, opts)


class Cluster(pulumi.ProviderResource):
    """A kubernetes provider."""

    def __init__(self, name: str, props: dict[str, Any]) -> None:
        super().__init__("kubernetes", name, props, pulumi.ResourceOptions(version=os.environ["KUBERNETES_VERSION"]))


def resolve(value: Any) -> Any:
    if isinstance(value, list):
        return [resolve(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$secret" in value:
        return pulumi.Output.secret(resolve(value["$secret"]))
    if "$ref" in value:
        name, attribute, *path = value["$ref"]
        output = getattr(declared[name], attribute)
        for part in path:
            output = output[part]
        return output
    return {key: resolve(item) for key, item in value.items()}


scenario = json.loads(Path("scenario.json").read_text())
providers = {name: Cluster(name, props) for name, props in scenario["providers"].items()}
for spec in scenario["resources"]:
    timeout = spec.get("timeout")
    options = pulumi.ResourceOptions(
        provider=providers.get(spec.get("provider", "")),
        version=None if spec["type"].startswith("kubernetes") else os.environ["RANDOM_VERSION"],
        ignore_changes=spec.get("ignore"),
        depends_on=[declared[name] for name in spec.get("depends", [])],
        additional_secret_outputs=spec.get("secret_outputs"),
        custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout, delete=timeout) if timeout else None,
    )
    declared[spec["name"]] = Plain(spec, options)
for name, value in scenario.get("exports", {}).items():
    pulumi.export(name, resolve(value))
