"""A second embedded cluster with a registry of its own, where production can be apart from staging.

It is as somebody else's: with Kubernetes and a registry alone, in another shape than the first, and without the profile
for image builds on its node.

It and the first cluster are two machines that share a wire: the forge reaches the listener here, and pods here reach the
forge and the registry that staging writes. Nothing else passes, in either direction.
"""

import json
from pathlib import Path

import yaml

from images import build, publish
from local import pulumi_stacks
from local.cluster import Cluster
from local.cluster.names import PLAIN, QUARANTINE, REGISTRY
from local.forge import config as forge
from local.forge import secret_files
from local.machine import Machine
from local.paths import ROOT
from local.progress import Progress
from local.tekton import stack

NAME = "apart"
TEKTON = ROOT / "tekton"
LISTENER_PORT, SECOND_LISTENER_PORT = 30090, 30091
"""The NodePorts that the forge may open here."""
STAGING_REGISTRY = "staging-registry.internal:5000"
"""How pods here call the registry of the first cluster; `registry.internal` is their own."""


def up(running: Machine, progress: Progress) -> Cluster:
    """Bring the second cluster up beside the running first one, with the platform's images in its registry."""
    cluster = Cluster(NAME, PLAIN)
    images = build.ensure(running.folders, progress)
    host, _, port = STAGING_REGISTRY.partition(":")
    neighbour = running.cluster.neighbour(
        hosts=(forge.HOST, host),
        opens=(forge.HTTP_PORT, forge.SSH_PORT, int(port)),
        admitted=(LISTENER_PORT, SECOND_LISTENER_PORT),
    )
    cluster.up(progress, {name: image.archive for name, image in images.items()}, neighbour)
    cluster.import_images(image.archive for image in images.values())
    for host, names in ((REGISTRY, publish.PUBLISHED), (QUARANTINE, ("base",))):
        kind, port = host.partition(".")[0], host.rpartition(":")[2]
        logins = cluster.registry_credentials(host)
        for user, password in logins.items():
            secret_files.write_if_changed(cluster.layout.secrets / kind / user, password)
        registry = publish.Registry(f"{cluster.node_ip}:{port}/platform", "platform", logins["platform"], insecure=True)
        publish.publish(images, running.folders["crane"] / "crane", registry, progress, names=names)
    return cluster


def tekton_file(cluster: Cluster) -> Path:
    """Write the stack file of its Tekton: the shipped one, with the profile for builds where this kubelet looks for it."""
    settings = yaml.safe_load((TEKTON / f"Pulumi.{NAME}.yaml").read_text())
    folder = f"{cluster.layout.pods}/kubelet/seccomp"
    settings["config"]["tekton:seccompProfile"] = {"image": {"file": "../.local/images/base"}, "folder": folder}
    path = stack.FOLDER / f"Pulumi.{NAME}.yaml"
    secret_files.write_if_changed(path, json.dumps(settings))
    return path


def install_tekton(running: Machine, cluster: Cluster, progress: Progress) -> str:
    """Install Tekton by its own stack; what that took, e.g. `112 created`."""
    stack.write(build.ensure(running.folders, progress), progress)
    # Definitions are large; the state goes with the cluster.
    variables = pulumi_stacks.process_environment(cluster, running.folders) | pulumi_stacks.WITHOUT_CHECKPOINTS
    with progress.step("pulumi up: tekton"):
        pulumi_stacks.command(NAME, variables, "stack", "select", "--create", NAME, project=TEKTON)
        return pulumi_stacks.deploy(NAME, variables, "--config-file", str(tekton_file(cluster)), project=TEKTON)


def down(progress: Progress) -> None:
    """Remove the second cluster, and the states of its stacks with it."""
    Cluster(NAME).down(progress)
    for state in pulumi_stacks.BACKEND.glob(f".pulumi/stacks/*/{NAME}.json*"):
        state.unlink()
