"""Every stack's manifests as YAML, from a mock run: what the program declares, without a cluster or the CLI.

`python -m offline.render [STACK …]` writes `rendered/<stack>.yaml` for the named stacks, or for all stack files.
"""

import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from components.settings.errors import SettingsError
from components.settings.stack import Stack
from offline.run import ROOT, Recording, Resource, placeholder, run, stack_config

KUBERNETES = "kubernetes:"
PROVIDER = "pulumi:providers:"


def record(path: Path, *, preview: bool = False) -> Recording:
    """Run the program with the configuration of a stack file; files that it names are replaced by placeholders."""
    return run(
        lambda: program()(Stack.load(read=placeholder)),
        stack=path.stem.removeprefix("Pulumi."),
        config=stack_config(path),
        preview=preview,
    )


def refusal(path: Path, more: Mapping[str, str] | None = None) -> str | None:
    """Return why a stack file cannot be used, with every mistake in it. Files that it names are not read.

    `more` has keys of the configuration that are still to come.
    """

    def load() -> None:
        Stack.load(read=placeholder)

    try:
        run(load, stack=path.stem.removeprefix("Pulumi."), config={**(more or {}), **stack_config(path)})
    except SettingsError as error:
        return str(error)
    return None


def refusal_of(stack: str, config: Mapping[str, str], secrets: tuple[str, ...]) -> str | None:
    """Return why a configuration cannot be used, what its sources hold included."""

    def load() -> None:
        Stack.load()

    try:
        run(load, stack=stack, config=config, secrets=secrets)
    except SettingsError as error:
        return str(error)
    return None


def program() -> Any:
    """Return `main` of the project's `__main__.py`."""
    return runpy.run_path(str(ROOT / "__main__.py"), run_name="program")["main"]


def manifests(recording: Recording) -> list[dict[str, Any]]:
    """Return the Kubernetes objects of a recording, in a stable order."""
    return sorted((header | resource.inputs for resource, header in objects(recording)), key=_place)


def objects(recording: Recording) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Yield each Kubernetes object's resource, with the manifest's `apiVersion` and `kind`."""
    for resource in recording.resources:
        if resource.type.startswith(KUBERNETES) and not resource.type.startswith(PROVIDER):
            api_version, kind = _group_version_kind(resource.type)
            yield resource, {"apiVersion": api_version, "kind": kind}


def _place(item: dict[str, Any]) -> tuple[str, str, str]:
    return item["metadata"].get("namespace", ""), item["kind"], item["metadata"]["name"]


def _group_version_kind(type_token: str) -> tuple[str, str]:
    """Return what a manifest says of a resource's type, e.g. `("apps/v1", "Deployment")`."""
    _, group_version, kind = type_token.split(":")
    return group_version.removeprefix("core/"), kind


def to_yaml(objects: list[dict[str, Any]]) -> str:
    """Return objects as one YAML stream; scripts are readable blocks. Keys are sorted, since the SDK keeps no order."""
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=True, width=120, explicit_start=True)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _text)


def main(names: list[str]) -> int:
    """Render the named stacks, or all. Returns the exit code."""
    paths = [ROOT / f"Pulumi.{name}.yaml" for name in names] or sorted(ROOT.glob("Pulumi.*.yaml"))
    try:
        rendered = {path.stem.removeprefix("Pulumi."): manifests(record(path)) for path in paths}
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    target = ROOT / "rendered"
    target.mkdir(exist_ok=True)
    for name, objects in rendered.items():
        written = target / f"{name}.yaml"
        written.write_text(to_yaml(objects))
        print(f"{written.relative_to(ROOT)}: {len(objects)} objects")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
