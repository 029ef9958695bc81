"""`make preview`: the engine runs the policy pack, lets the shipped stacks pass and refuses what breaks it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local import preview
from local.paths import ROOT, STATE
from local.pulumi_stacks import STACKS
from tests.e2e.world import World

ADDED = """
    container = {"name": "c", "image": "nginx:1.29", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}
    k8s.apps.v1.Deployment("added", metadata={"name": "added", "namespace": "staging"}, opts=opts, spec={
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}})
    rule = {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}
    k8s.rbac.v1.ClusterRole("added", metadata={"name": "added"}, rules=[rule], opts=opts)
    k8s.core.v1.ConfigMap("added", metadata={"name": "added", "namespace": "staging"}, opts=opts,
        data={"url": listener.webhook_secret})
    k8s.core.v1.Secret("added", metadata={"name": "added", "namespace": "staging"}, opts=opts, string_data={"a": "b"})
"""


def run(stack: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    ((command, variables),) = preview.commands([stack])
    return subprocess.run([*command, "--color", "never"], cwd=folder, env=variables, capture_output=True, text=True)


@pytest.mark.parametrize("stack", STACKS)
def test_a_shipped_stack_keeps_every_policy(world: World, stack: str) -> None:
    answer = run(stack)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "✅ tekton-delivery@v" in answer.stdout
    assert "can't run policy" not in answer.stdout


def test_what_somebody_adds_has_to_keep_the_policies_too(world: World, tmp_path: Path) -> None:
    for path in ROOT.iterdir():
        if path.match("Pulumi.*"):  # the CLI writes into stack files while it runs
            shutil.copyfile(path, tmp_path / path.name)
        elif path.name not in ("__main__.py", ".git"):
            (tmp_path / path.name).symlink_to(path)
    assert (tmp_path / STATE.name).exists()
    program = (ROOT / "__main__.py").read_text()
    (tmp_path / "__main__.py").write_text(program.replace("    pulumi.export(", f"{ADDED}    pulumi.export(", 1))
    answer = run("staging", tmp_path)
    assert answer.returncode != 0
    found = answer.stdout
    assert "❌ tekton-delivery@v" in found
    for policy, message in [
        ("pinned-images", "Deployment staging/added: spec.template.spec.containers[c].image: 'nginx:1.29'"),
        ("security-contexts", "Deployment staging/added: spec.template.spec.containers[c].securityContext: set"),
        ("no-plain-text", "containers[c].env[DB_PASSWORD].value: a secret by its name, in plain text"),
        ("named-rights", "ClusterRole added: rules[0].resources: '*' also grants"),
        ("marked-secrets", "ConfigMap staging/added: data"),
        ("pull-request-credentials", "Secret staging/added: staging runs pull requests of staging"),
    ]:
        assert f"[mandatory]  {policy}" in found, found
        assert message in found, found
    assert "hunter2" not in "\n".join(line for line in found.splitlines() if "policy" in line or "mandatory" in line)
