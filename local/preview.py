"""What `pulumi up` would change in each shipped stack, with the policy pack: `make preview`."""

import subprocess
from collections.abc import Sequence

from local import policy_pack, pulumi_stacks, tools
from local.cluster import Cluster
from local.errors import UserError
from local.paths import ROOT
from local.progress import Progress


def run(stacks: Sequence[str] = pulumi_stacks.STACKS) -> int:
    """Preview the stacks one after another. Returns the worst exit code: a policy that is broken is a failure."""
    return max(subprocess.run(command, cwd=ROOT, env=variables).returncode for command, variables in commands(stacks))


def commands(stacks: Sequence[str]) -> list[tuple[list[str], dict[str, str]]]:
    """Return the command of each stack's preview, and the environment in which it works."""
    cluster = Cluster()
    if not cluster.running():
        raise UserError("The embedded cluster does not run. Start it: make up")
    folders = tools.ensure(["kubernetes", *pulumi_stacks.needed_tools()], Progress(write=lambda text: None))
    variables = pulumi_stacks.process_environment(cluster, folders)
    preview = [
        str(pulumi_stacks.LAUNCHER / "pulumi"),
        "preview",
        "--non-interactive",
        "--suppress-progress",
        "--policy-pack",
        str(policy_pack.SOURCE),
    ]
    return [([*preview, "--stack", stack], variables) for stack in stacks]
