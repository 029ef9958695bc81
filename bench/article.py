"""The article's set-up on the running cluster, and a Deployment for the bare change: applied, and removed again."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from local.cluster.names import REGISTRY
from local.errors import UserError
from local.forge.setup import DEVELOPER, OWNER, sample_files
from local.machine import LISTENER, Machine
from local.paths import IMAGE_REFS
from local.tekton.install import Kubectl

FILES = Path(__file__).parent / "article"
REPOSITORY = f"{OWNER}/article"
HOOK = "article"
EVENTS = ("pull_request_only", "pull_request_sync")
RUNS = "article"
BARE = "article-bare"
PORTS = {"article-staging": 30180, "article-production": 30181, BARE: 30182}
"""Workload namespace → where its application answers."""
WORKLOAD = "2-workload.yaml"


@contextmanager
def present(running: Machine) -> Iterator[None]:
    """Have all of it, ready for a pull request, and none of it afterwards. Raises UserError where the cluster refuses it."""
    objects = _objects(running)
    # What a measurement left that was killed.
    _remove(running)
    try:
        _apply(running, [item for item in objects if item["kind"] == "Namespace"])
        _apply(running, [item for item in objects if item["kind"] != "Namespace"])
        running.kubernetes.wait_for_deployment(RUNS, LISTENER, seconds=90)
        for namespace in PORTS:
            running.kubernetes.wait_for_deployment(namespace, "chespirito-pod", seconds=60)
        _tell_the_forge(running)
        yield
    finally:
        _remove(running)


def kubectl(running: Machine) -> Kubectl:
    """Return the cluster's own kubectl."""
    return Kubectl(running.folders["kubernetes"] / "kubectl", running.cluster.kubeconfig)


def _remove(running: Machine) -> None:
    if running.forge.admin.find(f"/repos/{REPOSITORY}", "look for the article's repository"):
        running.forge.admin.delete_repository(REPOSITORY)
    kubectl(running).run("delete", "namespace", "--ignore-not-found", *sorted({RUNS, *PORTS}))
    kubectl(running).run("delete", "clusterrolebinding", "--ignore-not-found", "article-listener")


def _apply(running: Machine, objects: list[dict[str, Any]]) -> None:
    applied = kubectl(running).run("apply", "--server-side", "--filename=-", objects=objects)
    if applied.returncode != 0:
        raise UserError(f"The cluster refused the article's set-up: {applied.stderr.strip()}")


def _objects(running: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(FILES.glob("*.yaml")):
        if path.name != WORKLOAD:
            found += yaml.safe_load_all(_filled(path))
    for namespace, port in PORTS.items():
        for item in yaml.safe_load_all(_filled(FILES / WORKLOAD).replace("NODE_PORT", str(port))):
            item["metadata"]["namespace"] = namespace
            found.append(item)
    found += [_login(running, namespace) for namespace in (RUNS, *PORTS)]
    key = {"id_ed25519": running.forge.deploy_key.read_text(), "known_hosts": running.forge.known_hosts.read_text()}
    found.append(_secret(RUNS, "ssh-directory", "Opaque", key))
    return found


def _filled(path: Path) -> str:
    text = path.read_text()
    for name, file in (("TOOLS_IMAGE", "tools"), ("BUILDER_IMAGE", "builder"), ("BASE_IMAGE", "base")):
        text = text.replace(name, (IMAGE_REFS / file).read_text().strip())
    return text.replace("REGISTRY_HOST", REGISTRY)


def _login(running: Machine, namespace: str) -> dict[str, Any]:
    user = "deployer" if namespace == RUNS else "puller"
    password = running.cluster.registry_credentials(REGISTRY)[user]
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    config = {".dockerconfigjson": json.dumps({"auths": {REGISTRY: {"auth": login}}})}
    return _secret(namespace, "registry", "kubernetes.io/dockerconfigjson", config)


def _secret(namespace: str, name: str, kind: str, texts: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": texts}


def _tell_the_forge(running: Machine) -> None:
    admin = running.forge.admin
    if admin.ensure_repository(REPOSITORY):
        admin.commit(REPOSITORY, "main", "Add chespirito", sample_files())
    admin.ensure_collaborator(REPOSITORY, DEVELOPER, "write")
    public_key = running.forge.deploy_key.with_suffix(".pub").read_text()
    admin.ensure_deploy_key(REPOSITORY, "article", public_key)
    address = running.kubernetes.service_address(RUNS, LISTENER)
    # The article's listener checks no signature: any secret will do.
    admin.ensure_webhook(REPOSITORY, HOOK, f"http://{address}:8080", "unchecked", EVENTS)
