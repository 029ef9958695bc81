"""What pods reach: the declared network policies, tried from inside of pods on everything that listens in the cluster.

The same script tries the same addresses in a pull request's tests, in pods that run no step, and, as the control, in a pod
of a namespace without policies.
"""

import contextlib
import os
import shlex
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from local.cluster.health import listens
from local.cluster.names import EMBEDDED
from local.cluster.network import Namespace
from local.kubernetes_api import wait_until
from local.machine import LISTENER
from local.paths import IMAGE_REFS
from tests.e2e.attacks.delivery import await_end, hostile, propose
from tests.e2e.attacks.repository import Entry
from tests.e2e.test_pods import plain_pod
from tests.e2e.world import World

METADATA = "169.254.169.254"
# Beside the range in which the stacks say that forge and registries are: a private neighbour, and the internet.
ELSEWHERE = {"neighbour": "10.77.0.1", "internet": "140.82.112.3"}
GATEWAY = str(IPv4Network(EMBEDDED.pod_network)[1])
NODE = {"api-server": 6443, "kubelet": 10250, "registry": 5000, "quarantine": 5001, "forge": 3000, "git": 2222}
# What pull-request code needs: by these ports, on the addresses that the stacks name.
OPEN = {2222, 5001}
DNS = "service/kube-system/kube-dns/53"
FREE = "without-policies"
pytestmark = pytest.mark.usefixtures("alone")
SCRIPT = hostile("network.sh")
STRANGER = hostile("lib.sh") + hostile("stranger.sh")
Targets = Mapping[str, tuple[str, int]]


@dataclass(frozen=True)
class Tried:
    """What a pod reached."""

    reached: set[str]
    tries: int
    """How often it tried the API server until that took the connection; 20 at most."""
    log: str

    def found(self, kind: str, name: str) -> str:
        """What the lines of a probe say, or of a `control`."""
        begin = f"{kind.upper()} {name} "
        return " ".join(line.removeprefix(begin).strip() for line in self.log.splitlines() if line.startswith(begin))


@pytest.fixture(scope="module")
def host(world: World) -> Iterator[tuple[str, int]]:
    """A service of the machine that the cluster runs on, at its end of the wire, as a developer would have one."""
    address = world.machine.cluster.host_ip
    with socket.create_server((address, 0)) as server:
        yield address, server.getsockname()[1]


@pytest.fixture(scope="module")
def metadata(world: World) -> Iterator[Targets]:
    """A cloud's metadata service, on its usual port and on one that is open to pull requests everywhere else."""
    with listening(world, METADATA, [80, *sorted(OPEN)]):
        yield {f"metadata/{port}": (METADATA, port) for port in (80, *sorted(OPEN))}


@pytest.fixture(scope="module")
def elsewhere(world: World) -> Iterator[Targets]:
    """Who has an address that nobody named, on ports that are open to pull requests where somebody did."""
    with contextlib.ExitStack() as servers:
        for address in ELSEWHERE.values():
            servers.enter_context(listening(world, address, sorted(OPEN)))
        yield {f"{name}/{port}": (address, port) for name, address in ELSEWHERE.items() for port in sorted(OPEN)}


@contextlib.contextmanager
def listening(world: World, address: str, ports: list[int]) -> Iterator[None]:
    """Give the node another address, and listen there."""
    inside = Namespace(world.machine.cluster.layout.id)
    command = [*inside.enter(), "ip", "address"]
    subprocess.run([*command, "add", f"{address}/32", "dev", "lo"], check=True)
    try:
        with contextlib.ExitStack() as servers:
            for port in ports:
                with contextlib.suppress(OSError):  # a registry of the node listens on every address
                    servers.enter_context(inside.call(partial(socket.create_server, (address, port))))
            yield
    finally:
        subprocess.run([*command, "del", f"{address}/32", "dev", "lo"], check=True)


@pytest.fixture(scope="module")
def targets(world: World, metadata: Targets, elsewhere: Targets, host: tuple[str, int]) -> Targets:
    """Every Service and NodePort, what listens on the node, on the machine, and in production's pods."""
    core, node = world.kubernetes.core, world.machine.cluster.node_ip
    found = {f"node/{name}": (node, port) for name, port in NODE.items()}
    found |= {**metadata, **elsewhere, "machine": host}
    # The other address that pods have for the node.
    found["node/kubelet-at-gateway"] = (GATEWAY, NODE["kubelet"])
    for service in core.list_service_for_all_namespaces().items:
        name = f"{service.metadata.namespace}/{service.metadata.name}"
        for port in service.spec.ports:
            if port.protocol == "TCP" and service.spec.cluster_ip != "None":
                found[f"service/{name}/{port.port}"] = (service.spec.cluster_ip, port.port)
                if port.node_port:
                    found[f"node-port/{name}/{port.port}"] = (node, port.node_port)
    for namespace in ("production", "production-ci"):
        for pod in core.list_namespaced_pod(namespace, field_selector="status.phase=Running").items:
            found[f"pod/{namespace}/{pod.metadata.name}"] = (pod.status.pod_ip, 8080)
    return found


def told(log: str, targets: Targets) -> Tried:
    """Read what the script printed."""
    lines = [line.split() for line in log.splitlines() if line]
    assert ["TRIED", str(len(targets))] in lines, log
    (tries,) = (int(words[1]) for words in lines if words[0] == "TRIES")
    return Tried({words[1] for words in lines if words[0] == "REACHED"}, tries, log)


def variables(world: World, targets: Targets) -> dict[str, str]:
    """What the script needs."""
    return {
        "TARGETS": "\n".join(f"{name} {address} {port}" for name, (address, port) in targets.items()),
        "FIRST": f"{world.machine.cluster.node_ip} {NODE['api-server']}",
    }


@pytest.fixture(scope="module")
def pods(world: World, targets: Targets) -> Iterator[dict[str, Tried]]:
    """What pods without a step's name reach, by namespace."""
    core, name = world.kubernetes.core, f"tries-{uuid.uuid4().hex[:8]}"
    core.create_namespace({"metadata": {"name": FREE}})
    wait_until(lambda: core.list_namespaced_service_account(FREE).items, 20, "no default service account")
    namespaces = (FREE, "staging", "production-ci")
    body: Any = plain_pod() | {"metadata": {"name": name}}
    container = body["spec"]["containers"][0]
    container |= {"image": (IMAGE_REFS / "tools").read_text().strip()}
    container["env"] = [{"name": key, "value": value} for key, value in variables(world, targets).items()]
    container["securityContext"]["runAsUser"] = 65532
    body["spec"] = {"containers": [container], "restartPolicy": "Never", "automountServiceAccountToken": False}
    try:
        for namespace in namespaces:
            container["command"] = ["sh", "-c", f"{SCRIPT}\n{STRANGER}" if namespace == FREE else SCRIPT]
            core.create_namespaced_pod(namespace, body)
        ended = lambda where: core.read_namespaced_pod(name, where).status.phase == "Succeeded"  # noqa: E731
        wait_until(lambda: all(map(ended, namespaces)), 90, "the pods do not end")
        yield {where: told(core.read_namespaced_pod_log(name, where), targets) for where in namespaces}
    finally:
        for namespace in namespaces[1:]:
            with contextlib.suppress(Exception):
                core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
        core.delete_namespace(FREE)


@pytest.fixture(scope="module")
def pull_request(world: World, targets: Targets, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """What a pull request's tests reach."""
    values = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables(world, targets).items())
    files: dict[str, Entry] = {"test.sh": f"#!/bin/sh\n{values}. ./network.sh\n", "network.sh": SCRIPT}
    folder = tmp_path_factory.mktemp("network") / "repository"
    delivery = await_end(world, propose(world, folder, f"network-{os.urandom(3).hex()}", "Tries the network", files))
    assert delivery.succeeded, "the control: a delivery reaches what it needs"
    return told(delivery.logs["test"], targets)


def test_without_policies_a_pod_reaches_everything_but_the_machine(
    world: World, targets: Targets, pods: dict[str, Tried]
) -> None:
    """The control of all that follows."""
    node = Namespace(world.machine.cluster.layout.id)
    assert listens(node, *targets["machine"]), "the control: the node itself reaches it"
    kinds = {"node", "metadata", "machine", "service", "node-port", "pod", *ELSEWHERE}
    assert {name.split("/")[0] for name in targets} == kinds
    # Of a listener nothing is open but what hears events.
    closed = {name for name in targets if f"-ci/{LISTENER}/" in name and not name.endswith("/8080")}
    # Declared for Tekton's profiling, which is off: nothing listens.
    silent = {name for name in targets if name.startswith("service/tekton-") and name.endswith("/8008")}
    assert targets.keys() - pods[FREE].reached == {"machine", *closed, *silent}


def test_a_pull_requests_tests_reach_git_and_the_quarantine_registry_alone(targets: Targets, pull_request: Tried) -> None:
    named = IPv4Network("10.199.0.0/16")
    open_ports = {name for name, (address, port) in targets.items() if port in OPEN and IPv4Address(address) in named}
    assert pull_request.reached == {DNS, *open_ports}
    assert open_ports == {"node/git", "node/quarantine"}


@pytest.mark.parametrize("namespace", ["staging", "production-ci"])
def test_a_pod_that_no_opening_names_reaches_the_name_service_alone(pods: dict[str, Tried], namespace: str) -> None:
    assert pods[namespace].reached == {DNS}


def test_a_new_pods_first_packets_do_not_pass_before_its_policies_are_there(pods: dict[str, Tried]) -> None:
    assert pods[FREE].tries < 20, "the control: a pod that may reach it does"
    assert pods["staging"].tries == pods["production-ci"].tries == 20


@pytest.mark.parametrize(
    ("probe", "answers", "control"),
    [
        pytest.param("api", "403 403", "200", id="api-server"),
        # The kubelet asks who it is; etcd wants a certificate, and the rest listens to the node alone.
        pytest.param("node", "401 000 000 000 000", "200", id="node"),
        pytest.param("registries", "401 401 401", "200 200", id="registries"),
        pytest.param("forge", "404", "200", id="forge"),
    ],
)
def test_whoever_does_reach_it_is_nobody_there(pods: dict[str, Tried], probe: str, answers: str, control: str) -> None:
    assert pods[FREE].found("probe", probe) == answers
    assert pods[FREE].found("control", probe) == control


def test_tektons_interceptors_tell_whoever_does_reach_them_no_secret(pods: dict[str, Tried]) -> None:
    """They answer everybody and may read every Secret: it is the policies that keep pull-request code from them."""
    told = pods[FREE].found("probe", "interceptors")
    assert '"extensions":{"out":"guess"}' in pods[FREE].found("control", "interceptors"), "they were reached"
    assert '"continue":true' not in told, "they would say yes to whoever guesses a secret"
    assert "x509: certificate signed by unknown authority" in told, "and send it to a host with a certificate"
