"""The Tekton stack: what it installs, in which order, and what it refuses."""

import hashlib
import json
import runpy
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version

from local.progress import Progress
from local.tekton import stack as embedded
from offline.run import ROOT, Recording, run
from tekton import versions
from tekton.design import FEATURE_FLAGS
from tekton.settings import SettingsError, load

CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "feature-flags", "namespace": "tekton-pipelines"},
    "data": {"coschedule": "workspaces", "kept": "true"},
}


def deployment(name: str) -> dict[str, Any]:
    container = {"name": "main", "image": "upstream/image:1", "args": ["-given"]}
    spec = {"template": {"spec": {"containers": [container]}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


UPSTREAM = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tekton-pipelines"}},
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "tasks.tekton.dev", "labels": {"pipeline.tekton.dev/release": "v1.15.0"}},
        "status": {},
    },
    CONFIG_MAP,
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "tekton-triggers-webhook"}},
    deployment("tekton-pipelines-controller"),
    deployment("tekton-triggers-webhook"),
    deployment("tekton-triggers-core-interceptors"),
]

Declare = Callable[..., Recording]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Run the program on small manifests, with the given changes of its settings."""

    def declare(manifests: list[dict[str, Any]] = UPSTREAM, **changes: Any) -> Recording:
        text = yaml.safe_dump_all(manifests)
        (tmp_path / "release.yaml").write_text(text)
        (tmp_path / "none.json").write_text("[]")

        def release(version: str, name: str) -> dict[str, Any]:
            path = tmp_path / name
            checksum = hashlib.sha256(path.read_bytes()).hexdigest()
            return {"version": version, "manifests": [{"from": str(path), "sha256": checksum}]}

        settings = {"pipelines": release("v1.15.0", "release.yaml"), "triggers": release("v0.37.0", "none.json")} | changes
        config = {f"tekton:{name}": json.dumps(value) for name, value in settings.items()}
        main = runpy.run_path(str(ROOT / "tekton" / "__main__.py"), run_name="program")["main"]
        return run(main, stack="test", config=config)

    return declare


def one(recording: Recording, name: str) -> Any:
    (found,) = [resource for resource in recording.resources if resource.name.endswith(name)]
    return found


def test_each_stage_waits_for_the_ones_before_it_and_no_pod_for_its_own_service(declare: Declare) -> None:
    recording = declare()
    names = {resource.urn: resource.name.removeprefix("tekton-") for resource in recording.resources}
    waits = {names[resource.urn]: {names[urn] for urn in resource.dependencies} for resource in recording.resources}
    assert waits["namespace-tekton-pipelines"] == set()
    assert waits["customresourcedefinition-tasks.tekton.dev"] == {"namespace-tekton-pipelines"}
    assert "customresourcedefinition-tasks.tekton.dev" in waits["configmap-feature-flags"]
    assert "configmap-feature-flags" in waits["deployment-tekton-triggers-webhook"]
    assert "deployment-tekton-triggers-webhook" in waits["deployment-tekton-triggers-core-interceptors"]
    assert not any("service-tekton-triggers-webhook" in others for others in waits.values())


def test_the_design_s_settings_are_added_to_upstream_s(declare: Declare) -> None:
    recording = declare(controller={"threads": 4})
    assert one(recording, "feature-flags").inputs["data"] == FEATURE_FLAGS | {"kept": "true"}
    (container,) = one(recording, "tekton-pipelines-controller").inputs["spec"]["template"]["spec"]["containers"]
    arguments = ["-threads-per-controller", "4", "-kube-api-qps", "100", "-kube-api-burst", "100"]
    assert container["args"] == ["-given", *arguments]
    (webhook,) = one(recording, "deployment-tekton-triggers-webhook").inputs["spec"]["template"]["spec"]["containers"]
    assert "readinessProbe" in webhook


def test_images_can_come_from_a_mirror(declare: Declare, tmp_path: Path) -> None:
    (tmp_path / "images.yaml").write_text("upstream/image:1: mirror.example/image@sha256:0\n")
    recording = declare(images=str(tmp_path / "images.yaml"))
    (container,) = one(recording, "deployment-tekton-triggers-webhook").inputs["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "mirror.example/image@sha256:0"
    with pytest.raises(SettingsError, match=r"^tekton:images = .*missing\.yaml: .*No such file"):
        declare(images=str(tmp_path / "missing.yaml"))


def test_destroying_it_takes_a_decision_and_leaves_what_users_made(declare: Declare) -> None:
    recording = declare()
    objects = [resource for resource in recording.resources if resource.type.startswith("kubernetes:")]
    assert len(objects) == len(UPSTREAM)
    assert all(resource.protect for resource in objects)
    kept = {resource.name.removeprefix("tekton-") for resource in objects if resource.retain_on_delete}
    assert kept == {"namespace-tekton-pipelines", "customresourcedefinition-tasks.tekton.dev"}
    assert not any(resource.protect for resource in declare(protect=False).resources)


def test_adopting_is_asked_for(declare: Declare) -> None:
    forced = {"pulumi.com/patchForce": "true"}
    for adopt in (True, False):
        recording = declare(adopt=adopt)
        (provider,) = recording.of_type("pulumi:providers:kubernetes")
        newer = Version(version("pulumi-kubernetes")) >= Version("4.29")
        assert ("upsertExistingObjects" in provider.inputs) == (adopt and newer)
        objects = [resource for resource in recording.resources if resource.type.startswith("kubernetes:")]
        found = [forced.items() <= resource.inputs["metadata"].get("annotations", {}).items() for resource in objects]
        assert set(found) == {adopt}


def test_a_file_that_is_not_the_pinned_one_is_refused(declare: Declare, tmp_path: Path) -> None:
    (tmp_path / "altered.yaml").write_text("{}")
    pinned = {"version": "v1.15.0", "manifests": [{"from": str(tmp_path / "altered.yaml"), "sha256": "0" * 64}]}
    with pytest.raises(SettingsError, match=r"altered\.yaml has the checksum [0-9a-f]{64}, and 0{64} is pinned"):
        declare(pipelines=pinned)


def test_manifests_of_another_release_are_refused(declare: Declare) -> None:
    older = json.loads(json.dumps(UPSTREAM).replace("v1.15.0", "v1.9.0"))
    with pytest.raises(SettingsError, match=r"release\.yaml is of v1\.9\.0, and the settings say v1\.15\.0"):
        declare(older)


@pytest.mark.parametrize("version", ["v1.11.1", "v1.12.0", "v1.15.0", "v1.9.3", "v1.0.2"])
def test_a_version_of_pipelines_without_known_holes_is_taken(version: str) -> None:
    assert versions.check_pipelines(version) == version


@pytest.mark.parametrize("version", ["v1.11.0", "v1.10.9", "v1.9.2", "v1.6.1", "v0.70.0"])
def test_a_version_of_pipelines_with_known_holes_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match=r"this one has CVE-2026-40938 \(git resolver runs injected commands, https:"):
        versions.check_pipelines(version)


def test_every_mistake_is_named_with_its_place(declare: Declare) -> None:
    bad = {"version": "v0.36.0", "manifests": [{"from": "http://example/x", "sha256": "short"}], "more": 1}
    with pytest.raises(SettingsError) as refused:
        run(load, stack="test", config={"tekton:triggers": json.dumps(bad), "tekton:adopt": "perhaps"})
    lines = str(refused.value).splitlines()
    assert lines[0] == "Pulumi.test.yaml cannot be used:"
    assert "  tekton:pipelines: must be given" in lines
    assert any(line.startswith("  tekton:triggers.version: must be v0.37.0 or newer") for line in lines)
    assert "  tekton:triggers.manifests[0].from: must be a path relative to the project, or an https URL" in lines
    assert any(line.startswith("  tekton:triggers.manifests[0].sha256: must be ") for line in lines)
    assert "  tekton:triggers.more: must be removed, since no such key is known" in lines
    assert any(line.startswith("  tekton:adopt: must be ") for line in lines)


def test_the_shipped_stack_pins_the_pinned_modules(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "tekton" / "Pulumi.apart.yaml").read_text())["config"]
    files = embedded.manifests(Progress(write=lambda text: None, tty=False))
    pinned = {
        (ROOT / "tekton" / file["from"]).resolve(): file["sha256"]
        for part in ("pipelines", "triggers")
        for file in config[f"tekton:{part}"]["manifests"]
    }
    assert pinned == {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
