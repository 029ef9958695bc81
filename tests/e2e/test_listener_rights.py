"""The listener has what Triggers needs and no more: without any one of its rights an event starts nothing.

Copies of the listener run in a namespace of their own, one with all rights and one for each right that is taken away.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kubernetes import client

from components.listener.access import LISTENER_CLUSTER_RULES, LISTENER_RULES, RUN_CREATOR_RULES
from local.kubernetes_api import Object, wait_until
from tests.e2e.removals import REMOVALS
from tests.e2e.world import World

NAMESPACE = "listener-rights"
TRIGGERS = "triggers.tekton.dev"
WATCHED = [
    resource for rules in (LISTENER_RULES, LISTENER_CLUSTER_RULES) for rule in rules for resource in rule["resources"]
]
EVERYTHING = "nothing-taken"

CEL = {
    "name": "anything",
    "ref": {"name": "cel", "kind": "ClusterInterceptor"},
    "params": [{"name": "filter", "value": "true"}],
}
# It waits, so that it starts no pod.
RUN = {
    "apiVersion": "tekton.dev/v1",
    "kind": "PipelineRun",
    "metadata": {"name": "$(tt.params.name)"},
    "spec": {"pipelineRef": {"name": "none"}, "status": "PipelineRunPending"},
}
OBJECTS: dict[str, tuple[str, Object]] = {
    "TriggerBinding": ("triggerbindings", {"params": [{"name": "name", "value": "$(body.name)"}]}),
    "TriggerTemplate": ("triggertemplates", {"params": [{"name": "name"}], "resourcetemplates": [RUN]}),
    "Trigger": ("triggers", {"bindings": [{"ref": "probe", "kind": "TriggerBinding"}], "template": {"ref": "probe"}}),
}


def without(rules: list[Object], taken: str) -> list[Object]:
    """The rules less one resource."""
    left = [rule | {"resources": [name for name in rule["resources"] if name != taken]} for rule in rules]
    return [rule for rule in left if rule["resources"]]


class Listeners:
    """The copies, by the resource that each has no rights to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._custom, self._core = world.kubernetes.custom, world.kubernetes.core
        self._rbac: Any = client.RbacAuthorizationV1Api(world.kubernetes.api)
        self.names = [EVERYTHING, *WATCHED, "pipelineruns"]

    def start(self) -> None:
        self._core.create_namespace({"metadata": {"name": NAMESPACE}})
        for kind, (plural, spec) in OBJECTS.items():
            self._create(plural, kind, "probe", spec)
        for name in self.names:
            self._core.create_namespaced_service_account(NAMESPACE, {"metadata": {"name": name}})
            local = without([*LISTENER_RULES, *RUN_CREATOR_RULES], name)
            self._rbac.create_namespaced_role(NAMESPACE, {"metadata": {"name": name}, "rules": local})
            self._rbac.create_namespaced_role_binding(NAMESPACE, self._binding("Role", name, name))
            cluster_name = f"{NAMESPACE}-{name}"
            rules = without(LISTENER_CLUSTER_RULES, name)
            self._rbac.create_cluster_role({"metadata": {"name": cluster_name}, "rules": rules})
            self._rbac.create_cluster_role_binding(self._binding("ClusterRole", cluster_name, name))
            resources = {"kubernetesResource": {"replicas": 1, "serviceType": "NodePort"}}
            group = {
                "name": "all",
                "interceptors": [CEL],
                "triggerSelector": {"labelSelector": {"matchLabels": {"a": "probe"}}},
            }
            spec = {"serviceAccountName": name, "resources": resources, "triggerGroups": [group]}
            self._create("eventlisteners", "EventListener", name, spec)

    def stop(self) -> None:
        for name in self.names:
            self._rbac.delete_cluster_role_binding(f"{NAMESPACE}-{name}")
            self._rbac.delete_cluster_role(f"{NAMESPACE}-{name}")
        self._core.delete_namespace(NAMESPACE)
        gone = f"metadata.name={NAMESPACE}"
        wait_until(lambda: not self._core.list_namespace(field_selector=gone).items, 90, f"{NAMESPACE} is still there")

    def _create(self, plural: str, kind: str, name: str, spec: Object) -> None:
        body = {
            "apiVersion": f"{TRIGGERS}/v1beta1",
            "kind": kind,
            "metadata": {"name": name, "labels": {"a": "probe"}},
            "spec": spec,
        }
        self._custom.create_namespaced_custom_object(TRIGGERS, "v1beta1", NAMESPACE, plural, body)

    def _binding(self, kind: str, name: str, account: str) -> Object:
        return {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
        }

    def ready(self, name: str) -> bool:
        return self._world.kubernetes.deployment_ready(NAMESPACE, f"el-{name}")

    def answers(self, name: str) -> bool:
        """Send an event, which asks for a run of the listener's name; whether anybody took it."""
        ports = self._core.read_namespaced_service(f"el-{name}", NAMESPACE).spec.ports
        (port,) = (item.node_port for item in ports if item.port == 8080)
        try:
            answer = httpx.post(self._world.machine.url(port), json={"name": name}, timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == 202

    def started(self, name: str) -> bool:
        found = self._custom.list_namespaced_custom_object("tekton.dev", "v1", NAMESPACE, "pipelineruns")
        return name in {run["metadata"]["name"] for run in found["items"]}

    def log(self, name: str) -> str:
        """What a listener has said so far."""
        said = ""
        for pod in self._core.list_namespaced_pod(NAMESPACE, label_selector=f"eventlistener={name}").items:
            if pod.status.container_statuses and pod.status.container_statuses[0].state.running:
                said += self._core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE)
        return said


@pytest.fixture(scope="module")
def listeners(world: World) -> Iterator[Listeners]:
    made = Listeners(world)
    made.start()
    yield made
    REMOVALS.begin(NAMESPACE, made.stop)


def test_with_all_its_rights_a_listener_starts_a_run(listeners: Listeners) -> None:
    wait_until(lambda: listeners.ready(EVERYTHING), 60, "the listener with all rights is not ready")
    wait_until(lambda: listeners.answers(EVERYTHING), 10, "the listener with all rights does not answer")
    wait_until(lambda: listeners.started(EVERYTHING), 10, "the listener with all rights started nothing")


@pytest.mark.parametrize("resource", WATCHED)
def test_a_listener_that_cannot_see_one_kind_never_answers(listeners: Listeners, resource: str) -> None:
    refusal = f"{resource}.{TRIGGERS} is forbidden"
    wait_until(lambda: refusal in listeners.log(resource), 60, f"the listener did not say {refusal!r}")
    assert not listeners.ready(resource)
    assert not listeners.answers(resource)
    assert not listeners.started(resource)


def test_a_listener_that_cannot_create_runs_starts_nothing(listeners: Listeners) -> None:
    wait_until(lambda: listeners.ready("pipelineruns"), 60, "the listener is not ready")
    wait_until(lambda: listeners.answers("pipelineruns"), 10, "the listener does not answer")
    wait_until(lambda: "cannot create resource" in listeners.log("pipelineruns"), 10, "the listener was not refused")
    assert not listeners.started("pipelineruns")
