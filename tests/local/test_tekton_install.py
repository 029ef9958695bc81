"""Installing Tekton, against a kubectl that answers from files."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.errors import UserError
from local.progress import Progress
from local.tekton import install as subject
from local.tekton.render import NAMESPACE, content_hash
from local.tekton.source import Manifest

QUIET = Progress(write=lambda text: None, tty=False)

# Notes its arguments; `get X` answers with X.json, and a command named in `fails` fails with its text.
KUBECTL = """#!/bin/sh
here=$(dirname "$0")
shift
echo "$@" >>"$here/calls"
[ -t 0 ] || [ "$1" = get ] || cat >/dev/null
if [ -f "$here/fails-$1" ]; then cat "$here/fails-$1" >&2; exit 1; fi
if [ "$1" = get ]; then cat "$here/$2.json" 2>/dev/null; fi
if [ "$1" = logs ]; then echo "panic: no certificate"; fi
exit 0
"""

MANIFESTS: list[Manifest] = [
    {"kind": "Namespace", "metadata": {"name": NAMESPACE}},
    {"kind": "CustomResourceDefinition", "metadata": {"name": "tasks.tekton.dev"}},
    {"kind": "ClusterInterceptor", "metadata": {"name": "cel"}},
    {"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "validation.webhook"}},
    {"kind": "MutatingWebhookConfiguration", "metadata": {"name": "mutating.webhook"}},
    {"kind": "Deployment", "metadata": {"name": "controller", "namespace": NAMESPACE}},
    {"kind": "Deployment", "metadata": {"name": subject.INTERCEPTORS, "namespace": NAMESPACE}},
]


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("local.tekton.source.load", lambda progress: MANIFESTS)
    monkeypatch.setattr(subject, "render", lambda manifests, images: manifests)
    binary = tmp_path / "kubectl"
    binary.write_text(KUBECTL)
    binary.chmod(0o755)
    return binary


def answer(kubectl: Path, kind: str, items: list[dict[str, Any]]) -> None:
    (kubectl.parent / f"{kind}.json").write_text(json.dumps({"items": items}))


def installed(kubectl: Path, manifests: str, ready: int) -> None:
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "controller"},
        "spec": {"replicas": 1},
        "status": {"readyReplicas": ready},
    }
    record = {"kind": "ConfigMap", "metadata": {"name": subject.RECORD}, "data": {"manifests": manifests}}
    answer(kubectl, "deployments,configmaps", [deployment, record])


def calls(kubectl: Path) -> list[str]:
    return (kubectl.parent / "calls").read_text().splitlines()


def test_a_new_cluster_gets_definitions_first_and_is_recorded_when_ready(kubectl: Path, tmp_path: Path) -> None:
    subject.install(kubectl, tmp_path / "kubeconfig", {}, QUIET)
    verbs = [call.split()[0] for call in calls(kubectl)]
    webhooks = ["rollout", "wait", "wait", "create"]
    interceptors = ["apply", "rollout", "wait"]
    assert verbs == ["get", "apply", "wait", "apply", *webhooks, *interceptors, "apply"]
    assert f"deployment/{subject.INTERCEPTORS}" in calls(kubectl)[9]
    assert f"--field-manager={subject.FIELD_MANAGER}" in calls(kubectl)[1]
    assert "customresourcedefinitions tasks.tekton.dev" in calls(kubectl)[2]


def test_an_unchanged_and_ready_installation_is_left_alone(kubectl: Path, tmp_path: Path) -> None:
    installed(kubectl, content_hash(MANIFESTS), ready=1)
    subject.install(kubectl, tmp_path / "kubeconfig", {}, QUIET)
    assert [call.split()[0] for call in calls(kubectl)] == ["get"]


@pytest.mark.parametrize(("recorded", "ready"), [("another", 1), (content_hash(MANIFESTS), 0)])
def test_a_changed_or_broken_installation_is_applied_again(kubectl: Path, tmp_path: Path, recorded: str, ready: int) -> None:
    installed(kubectl, recorded, ready)
    subject.install(kubectl, tmp_path / "kubeconfig", {}, QUIET)
    assert "apply" in [call.split()[0] for call in calls(kubectl)]


def test_a_refusal_is_passed_on(kubectl: Path, tmp_path: Path) -> None:
    (tmp_path / "fails-apply").write_text("forbidden: no rights\n")
    with pytest.raises(UserError, match="refused Tekton's manifests:\nforbidden: no rights"):
        subject.install(kubectl, tmp_path / "kubeconfig", {}, QUIET)


def test_what_does_not_become_ready_is_explained(kubectl: Path, tmp_path: Path) -> None:
    (tmp_path / "fails-rollout").write_text("timed out\n")
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    pods = [
        {
            "metadata": {"name": "controller-1"},
            "status": {"phase": "Pending", "containerStatuses": [{"ready": False, "state": waiting}]},
        },
        {
            "metadata": {"name": "healthy"},
            "status": {"phase": "Running", "containerStatuses": [{"ready": True, "state": {"running": {}}}]},
        },
    ]
    answer(kubectl, "pods", pods)
    answer(kubectl, "events", [{"reason": "Failed", "message": "cannot pull"}])
    with pytest.raises(UserError) as raised:
        subject.install(kubectl, tmp_path / "kubeconfig", {}, QUIET)
    message = str(raised.value)
    assert "Tekton's controller did not become ready" in message
    for part in ("pod controller-1: Pending", "ImagePullBackOff: not found", "Failed: cannot pull", "log: panic"):
        assert part in message
    assert "healthy" not in message
    assert not any(subject.RECORD in call for call in calls(kubectl))


def test_webhooks_that_never_answer_are_an_error(kubectl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "TIMEOUT", 0.0)
    (tmp_path / "fails-create").write_text("connection refused\n")
    with pytest.raises(UserError, match="webhooks do not answer: connection refused"):
        subject.install(kubectl, tmp_path / "kubeconfig", {}, QUIET)
