"""What writes the seccomp profile for image builds on nodes: as little as that takes, and held to it."""

import json
import runpy
from typing import Any

import pytest

from offline.run import ROOT, Recording, run
from tekton.profile import PLACE, PROFILE
from tekton.settings import SettingsError, load
from tests.support import shipped_config

IMAGE = "registry.example/base@sha256:" + "0" * 64


@pytest.fixture
def declare(tmp_path: Any) -> Any:
    """Run the program with no manifests of Tekton."""
    (tmp_path / "none.json").write_text("[]")
    checksum = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    manifests = [{"from": str(tmp_path / "none.json"), "sha256": checksum}]

    def declare(profile: dict[str, Any] | None) -> Recording:
        parts = {"pipelines": "v1.15.0", "triggers": "v0.37.0"}
        config = {
            f"tekton:{part}": json.dumps({"version": version, "manifests": manifests}) for part, version in parts.items()
        }
        if profile is not None:
            config["tekton:seccompProfile"] = json.dumps(profile)
        main = runpy.run_path(str(ROOT / "tekton" / "__main__.py"), run_name="program")["main"]
        return run(main, stack="test", config=config)

    return declare


def spec(recording: Recording) -> Any:
    (found,) = recording.of_type("kubernetes:apps/v1:DaemonSet")
    return found.inputs["spec"]["template"]["spec"]


def test_nothing_is_written_unless_it_is_asked_for(declare: Any) -> None:
    assert declare(None).of_type("kubernetes:apps/v1:DaemonSet") == []


def test_the_profile_lies_where_the_shipped_stacks_look_for_it(declare: Any) -> None:
    recording = declare({"image": IMAGE})
    (config,) = recording.of_type("kubernetes:core/v1:ConfigMap")
    assert config.inputs["data"] == {"image-build.json": PROFILE.read_text()}
    assert shipped_config("staging")["build"]["seccompProfile"] == f"{PLACE}/image-build.json"
    (node,) = [volume for volume in spec(recording)["volumes"] if "hostPath" in volume]
    assert node["hostPath"] == {"path": "/var/lib/kubelet/seccomp/tekton-delivery", "type": "DirectoryOrCreate"}


def test_only_a_container_that_ends_sees_the_node_s_folder(declare: Any) -> None:
    pod = spec(declare({"image": IMAGE}))
    (write,), (stay,) = pod["initContainers"], pod["containers"]
    assert [mount["name"] for mount in write["volumeMounts"] if not mount.get("readOnly")] == ["node"]
    assert "volumeMounts" not in stay
    assert stay["securityContext"]["runAsNonRoot"] is True
    for container in (write, stay):
        context = container["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["image"] == IMAGE
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


def test_it_stands_in_a_namespace_that_nobody_reaches(declare: Any) -> None:
    recording = declare({"image": IMAGE})
    (namespace,) = recording.of_type("kubernetes:core/v1:Namespace")
    assert namespace.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    (closed,) = recording.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    assert closed.inputs["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    names = {
        item.inputs["metadata"]["namespace"]
        for item in recording.resources
        if "namespace" in item.inputs.get("metadata", {})
    }
    assert names == {"image-build-seccomp"}


def test_a_changed_profile_is_written_anew(declare: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def annotations() -> Any:
        (found,) = declare({"image": IMAGE}).of_type("kubernetes:apps/v1:DaemonSet")
        return found.inputs["spec"]["template"]["metadata"]["annotations"]

    before = annotations()
    (tmp_path / "other.json").write_text("{}")
    monkeypatch.setattr("tekton.profile.PROFILE", tmp_path / "other.json")
    assert annotations() != before


def test_an_image_may_be_named_in_a_file(declare: Any, tmp_path: Any) -> None:
    (tmp_path / "base").write_text(f"{IMAGE}\n")
    assert spec(declare({"image": {"file": str(tmp_path / "base")}}))["containers"][0]["image"] == IMAGE


def test_each_mistake_is_named_with_its_place() -> None:
    bad = {"image": "busybox:1", "folder": "/var/lib/kubelet/../seccomp", "more": 1}
    with pytest.raises(SettingsError) as refused:
        run(load, stack="test", config={"tekton:seccompProfile": json.dumps(bad)})
    lines = [line.strip().split(": ")[0] for line in str(refused.value).splitlines()[1:]]
    assert {f"tekton:seccompProfile.{key}" for key in bad} <= set(lines)
    for folder in ("/etc", "seccomp", "/var/lib/kubelet/seccomp/"):
        with pytest.raises(SettingsError, match=r"tekton:seccompProfile\.folder"):
            run(load, stack="test", config={"tekton:seccompProfile": json.dumps({"image": IMAGE, "folder": folder})})
