"""What users of the previous release have goes over to this one: nothing of theirs is replaced or removed."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import pulumi_stacks
from local.paths import ROOT
from local.pulumi_stacks import STACKS
from tests.e2e.stacks import runner
from tests.e2e.world import World

RELEASES = Path(__file__).parent.parent / "fixtures" / "releases"
PREVIOUS = "0.1.0"
KEPT = {"same", "create", "update", "read", "refresh"}

Plan = Callable[[str, dict[str, Any]], dict[str, str]]


def state(stack: str) -> dict[str, Any]:
    """What the previous release's `pulumi up` had written down of a shipped stack."""
    loaded: dict[str, Any] = json.loads(gzip.decompress((RELEASES / PREVIOUS / f"{stack}.json.gz").read_bytes()))
    return loaded


@pytest.fixture
def plan(world: World, tmp_path: Path) -> Plan:
    """Preview a stack upon a state, in a backend of the test's own: each URN with what would be done to it."""
    variables = pulumi_stacks.process_environment(world.machine.cluster, world.machine.folders)
    variables |= {"PULUMI_BACKEND_URL": f"file://{tmp_path}", "PULUMI_CONFIG_PASSPHRASE": "of no use elsewhere"}
    # The objects on this cluster belong to its own stacks' field managers, not to the recorded ones.
    variables["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
    del variables["PULUMI_CONFIG_PASSPHRASE_FILE"]
    # The program in a folder of its own: `stack init` writes the salt of its passphrase into the stack's file there.
    project = tmp_path / "project"
    project.mkdir()
    for path in ROOT.iterdir():
        if path.name.startswith("Pulumi."):
            shutil.copy(path, project)
        elif path.name != ".git":
            (project / path.name).symlink_to(path)

    pulumi = runner(variables, project)

    def preview(stack: str, exported: dict[str, Any]) -> dict[str, str]:
        pulumi("stack", "init", stack)
        salt = yaml.safe_load((project / f"Pulumi.{stack}.yaml").read_text())["encryptionsalt"]
        exported["deployment"]["secrets_providers"] = {"type": "passphrase", "state": {"salt": salt}}
        file = tmp_path / "state.json"
        file.write_text(json.dumps(exported))
        pulumi("stack", "import", "--stack", stack, "--file", str(file))
        planned = json.loads(pulumi("preview", "--stack", stack, "--refresh=false", "--json").stdout)
        return {step["urn"]: step["op"] for step in planned["steps"]}

    return preview


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_of_the_previous_release_is_replaced_or_removed(plan: Plan, stack: str) -> None:
    steps = plan(stack, state(stack))
    assert "update" in steps.values(), "the recorded state is in use: its secrets are not this machine's"
    assert {urn: op for urn, op in steps.items() if op not in KEPT} == {}


def test_a_replacement_would_be_noticed(plan: Plan) -> None:
    """A control: as if the previous release had given the workload namespace another name."""
    exported = state("staging")
    (namespace,) = [
        resource
        for resource in exported["deployment"]["resources"]
        if resource["type"] == "kubernetes:core/v1:Namespace" and resource["inputs"]["metadata"]["name"] == "staging"
    ]
    namespace["inputs"]["metadata"]["name"] = namespace["outputs"]["metadata"]["name"] = "former"
    assert plan("staging", exported)[namespace["urn"]] in ("replace", "create-replacement", "delete-replaced")
