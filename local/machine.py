"""The whole embedded default: tools, images, cluster, Tekton, forge, stacks, webhooks. Up, and down again."""

import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from images import build, publish
from local import debian, pulumi_stacks, second_machine, tools
from local.cluster import Cluster
from local.cluster.names import DEFAULT_NAME, QUARANTINE, REGISTRY, Layout
from local.errors import UserError
from local.forge import secret_files
from local.forge import setup as forge
from local.kubernetes_api import Kubernetes
from local.paths import CLUSTERS, IMAGE_REFS, PULUMI, ROOT, SECRETS
from local.plugins import install
from local.progress import Progress
from local.tekton import install as tekton
from offline import render

LISTENER = "el-chespirito-github-el"
# What the stack files name as base of the sample's Dockerfile: in the quarantine registry, because that is the only one
# that a build may read, and by digest, because whoever builds there could move a tag.
BASE_FOR_BUILDS = IMAGE_REFS / "base-for-builds"
# Below `platform`: where docker.io has the images that are nobody's, such as node.
MIRRORED = "/library"


@dataclass(frozen=True)
class Machine:
    """The running embedded default."""

    cluster: Cluster
    folders: Mapping[str, Path]
    forge: forge.ForgeState
    kubernetes: Kubernetes

    def url(self, port: int) -> str:
        """URL of a NodePort, from the host."""
        return f"http://{self.cluster.node_ip}:{port}"


def needed_tools() -> list[str]:
    """Return the names of every tool that the embedded default needs."""
    others = {"pulumi", pulumi_stacks.LANGUAGE_HOST, install.TOOL, *tools.CHECKS}
    return sorted({*tools.TOOLS} - others | {*pulumi_stacks.needed_tools()})


def up(progress: Progress) -> Machine:
    """Bring everything up; what already runs as it should is left alone."""
    cluster = Cluster()
    _check_stack_files()
    cluster.check(progress)
    debian.ensure(["openssh-client"], progress)
    folders = tools.ensure(needed_tools(), progress)
    images = build.ensure(folders, progress)
    cluster.up(progress, {name: image.archive for name, image in images.items()})
    cluster.import_images(image.archive for image in images.values())
    _ensure_mark_key(folders["cosign"] / "cosign")
    _publish(cluster, images, folders["crane"] / "crane", progress)
    kubectl = folders["kubernetes"] / "kubectl"
    tekton.install(kubectl, cluster.kubeconfig, images, progress)
    state = forge.ensure(cluster, progress)
    pulumi_stacks.prepare(cluster, folders, progress)
    pulumi_stacks.up(cluster, folders, progress)
    kubernetes = Kubernetes(cluster.kubeconfig)
    tell(kubernetes, state, progress)
    return Machine(cluster, folders, state, kubernetes)


def _check_stack_files() -> None:
    """Refuse a stack file that cannot be used before a cluster is made for it."""
    for stack in pulumi_stacks.STACKS:
        refusal = render.refusal(ROOT / f"Pulumi.{stack}.yaml")
        if refusal:
            raise UserError(refusal)


def platform(cluster: Cluster, host: str, below: str = "") -> publish.Registry:
    """Return the path `platform` of a registry as the host reaches it: names of pods are not known here."""
    port, user = host.rpartition(":")[2], "platform"
    password = cluster.registry_credentials(host)[user]
    return publish.Registry(f"{cluster.node_ip}:{port}/{user}{below}", user, password, insecure=True)


def _publish(cluster: Cluster, images: Mapping[str, build.Image], crane: Path, progress: Progress) -> None:
    """Push what applications build on, and write the logins and references that the stack files name."""

    publish.publish(images, crane, platform(cluster, REGISTRY), progress, IMAGE_REFS)
    publish.publish(images, crane, platform(cluster, QUARANTINE), progress, names=["base"])
    for host in (REGISTRY, QUARANTINE):
        # As a mirror of docker.io has it: `FROM base:1`.
        publish.publish(images, crane, platform(cluster, host, MIRRORED), progress, names=["base"])
    secret_files.write_if_changed(BASE_FOR_BUILDS, f"{QUARANTINE}/platform/base@{images['base'].digest}\n")
    for host, folder in ((REGISTRY, "registry"), (QUARANTINE, "quarantine")):
        for user, password in cluster.registry_credentials(host).items():
            secret_files.write_if_changed(SECRETS / folder / user, password)


def _ensure_mark_key(cosign: Path) -> None:
    """Make the key pair by which staging vouches for what it ran, once."""
    folder = SECRETS / "mark"
    if (folder / "cosign.pub").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(24)
    secret_files.write(folder / "password", password)
    (folder / "cosign.key").unlink(missing_ok=True)
    made = subprocess.run(
        [cosign, "generate-key-pair"],
        cwd=folder,
        env={"COSIGN_PASSWORD": password, "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        raise UserError(f"cosign made no key pair in {folder}: {made.stderr.strip()}")


def tell(kubernetes: Kubernetes, state: forge.ForgeState, progress: Progress) -> None:
    """Tell the forge about both listeners, once they answer."""
    for environment in pulumi_stacks.STACKS:
        namespace = f"{environment}-ci"
        if not kubernetes.deployment_ready(namespace, LISTENER):
            with progress.step(f"Wait for the listener of {environment}"):
                kubernetes.wait_for_deployment(namespace, LISTENER, seconds=90)
        address = kubernetes.service_address(namespace, LISTENER)
        state.ensure_webhook(environment, f"http://{address}:8080", kubernetes.webhook_secret(namespace))


def connect() -> Machine:
    """Return the machine as it runs, for tests and the demo. Raises UserError if it does not."""
    cluster = Cluster()
    if not cluster.running():
        raise UserError("The embedded cluster does not run. Start it: make up")
    progress = Progress()
    folders = tools.ensure(needed_tools(), progress)
    return Machine(cluster, folders, forge.ensure(cluster, progress), Kubernetes(cluster.kubeconfig))


def environment() -> str:
    """Return what `eval "$(make env)"` evaluates."""
    cluster = Cluster()
    if not cluster.kubeconfig.exists():
        raise UserError("The embedded cluster was not created yet. Create it: make up")
    folders = tools.ensure(["kubernetes", *pulumi_stacks.needed_tools()], Progress(write=lambda text: None))
    return pulumi_stacks.shell_exports(pulumi_stacks.environment(cluster, folders))


def down(progress: Progress) -> None:
    """Stop and remove every cluster of this checkout, and what is void without them. Passwords and keys stay."""
    second_machine.down(progress)
    names = {path.name for path in CLUSTERS.iterdir() if path.is_dir()} if CLUSTERS.exists() else set()
    if Layout(DEFAULT_NAME).pods.exists():
        # Also where somebody has deleted the rest by hand.
        names.add(DEFAULT_NAME)
    for name in sorted(names):
        Cluster(name).down(progress)
    pulumi_stacks.end_orphans(pulumi_stacks.HOME)
    for folder in (PULUMI, IMAGE_REFS):
        shutil.rmtree(folder, ignore_errors=True)
