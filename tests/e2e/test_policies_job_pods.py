"""Jobs before rollouts as the API server makes them of declared pods: admitted as they are, else refused.

Nothing of them runs: policy and PodTemplates are those of applications that no stack here has, in a namespace of their own.
"""

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from components.policies.as_declared import DEFAULTS
from local.kubernetes_api import Kubernetes, wait_until
from local.machine import Machine
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_policies_as_declared import PATCH, PROXY, parent, places, says

NAMESPACE, LABEL = "job-pods", "tekton-delivery/before-rollout"
IMAGE = f"registry.internal:5000/any@sha256:{'a' * 64}"
SECOND = {"name": "second", "image": PROXY}
PROBES = (
    {"grpc": {"port": 1}},
    {"tcpSocket": {"port": "web"}},
    {"exec": {"command": ["true"]}},
    {"httpGet": {"port": 1, "path": "/x"}},
)


def app(**fields: Any) -> Object:
    return {"spec": {"containers": [{"name": "app", **fields}]}}


def second(**fields: Any) -> Object:
    return {"spec": {"containers": [SECOND | fields]}}


def claim(**fields: Any) -> Object:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}} | fields
    return {"spec": {"volumes": [{"name": "own", "ephemeral": {"volumeClaimTemplate": {"spec": wanted}}}]}}


PATCHES: dict[str, Object] = {
    "much": PATCH,
    "nothing": {},
    "claim": claim(),
    "claim-of-no-class": claim(storageClassName=""),
    "claim-with-labels": claim(volumeMode="Block"),
    "claim-of-a-claim": claim(dataSource={"kind": "PersistentVolumeClaim", "name": "a"}),
    "claim-like-a-claim": claim(dataSourceRef={"kind": "PersistentVolumeClaim", "name": "a", "apiGroup": ""}),
    "groups": {"spec": {"securityContext": {"supplementalGroups": [1000, 2000], "fsGroup": 3000}}},
    "numbers": second(resources={"limits": {"cpu": 1, "memory": "1G"}, "requests": {"cpu": 0.5, "memory": "1e3"}}),
    "fractions": second(
        resources={"limits": {"cpu": 0.0011, "memory": "1.5k"}, "requests": {"cpu": "100u", "memory": "1000.0001"}}
    ),
    "exponents": second(resources={"requests": {"cpu": 1e-05, "memory": "0.0001Ki"}}),
    "csi": {"spec": {"volumes": [{"name": "s", "csi": {"driver": "d", "readOnly": False, "volumeAttributes": {"a": "b"}}}]}},
    "affinity": {"spec": {"affinity": {"nodeAffinity": {}, "podAffinity": {}}}},
    "host-names": {"spec": {"dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}, "dnsPolicy": "Default"}},
    "texts": app(env=[{"name": "A", "value": "a\n'b' \\ \"c\" $(D) $$ {{e}} \t ü \u2028"}, {"name": "B", "value": ""}]),
    "references": app(
        env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b", "optional": False}}}],
        envFrom=[{"configMapRef": {"name": "a", "optional": True}, "prefix": "A_"}],
    ),
    "projected": {
        "spec": {
            "volumes": [{"name": "p", "projected": {"sources": [{"configMap": {"name": "a"}}, {"secret": {"name": "b"}}]}}]
        }
    },
    "projected-nothing": {"spec": {"volumes": [{"name": "p", "projected": {"sources": []}}]}},
    "of-a-claim": {"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c", "readOnly": False}}]}},
    **{
        f"probe-{number}": second(ports=[{"containerPort": 1, "name": "web"}], startupProbe=probe | {"failureThreshold": 0})
        for number, probe in enumerate(PROBES)
    },
    "pulled": second(imagePullPolicy="Always", stdin=False, lifecycle={"preStop": {"sleep": {"seconds": 1}}}),
}


def declared() -> Declared:
    config = shipped_config("staging")
    (application,), (environment,) = config["applications"], config["environments"]
    before = {"beforeRollout": {"command": ["sh", "-c", "it's $HOME"]}}
    applications = [application, *({"name": name, "repository": f"acme/{name}"} | before for name in PATCHES)]
    here = {name: {"podTemplate": patch} for name, patch in PATCHES.items()}
    return record_config(config | {"applications": applications, "environments": [environment | {"applications": here}]})


class Server:
    """The API server, for the administrator and for a deployer who has every right, so that policies alone refuse."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self.kubernetes, api = kubernetes, client.ApiClient(kubernetes.api.configuration)
        api.set_default_header("Impersonate-User", f"system:serviceaccount:{NAMESPACE}-ci:deployer")
        api.set_default_header("Impersonate-Group", "system:masters")
        self._admin, self._deployer = DynamicClient(kubernetes.api), DynamicClient(api)  # type: ignore[no-untyped-call]
        self._jobs = self._deployer.resources.get(api_version="batch/v1", kind="Job")

    def make(self, made: Object) -> None:
        """Create an object as it is: the typed client would not send what has other types."""
        resource = self._admin.resources.get(api_version=made["apiVersion"], kind=made["kind"])
        resource.create(body=made, namespace=NAMESPACE if resource.namespaced else None)

    def template(self, application: str) -> Object:
        """What a deployer reads and makes a Job of."""
        found = self.kubernetes.core.read_namespaced_pod_template(f"{application}-before-rollout", NAMESPACE)
        pod: Object = self.kubernetes.api.sanitize_for_serialization(found.template)
        pod["spec"]["containers"][0]["image"] = IMAGE
        return pod

    def job(self, application: str, pod: Object) -> tuple[bool, Any]:
        """Whether a Job with that pod would be made for a deployer; its pod, or the answer."""
        metadata = {"name": "any", "labels": {LABEL: application}}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": pod}}
        try:
            made = self._jobs.create(body=job, namespace=NAMESPACE, dry_run="All").to_dict()["spec"]["template"]
        except DynamicApiError as error:
            return False, (error.status, error.body)
        made["metadata"].pop("labels")
        return True, made


@pytest.fixture(scope="module")
def server(running: Machine) -> Iterator[Server]:
    yield from held(running.kubernetes)


def held(kubernetes: Kubernetes) -> Iterator[Server]:
    """Have the policy and the PodTemplates there, and what it refuses refused."""
    stack, server = declared(), Server(kubernetes)
    policy = stack.one("ValidatingAdmissionPolicy", "tekton-delivery-staging-job-pods")
    binding = stack.one("ValidatingAdmissionPolicyBinding", "tekton-delivery-staging-job-pods")
    objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}]
    objects += [each | {"apiVersion": "admissionregistration.k8s.io/v1"} for each in (policy, binding)]
    objects += [each | {"apiVersion": "v1"} for each in stack.all("PodTemplate")]
    registration = client.AdmissionregistrationV1Api(kubernetes.api)
    name = policy["metadata"]["name"].replace("staging", NAMESPACE)
    try:
        for each in objects:
            server.make(json.loads(json.dumps(each).replace("staging", NAMESPACE)))
        other = server.template("nothing")
        other["spec"]["hostNetwork"] = True
        wait_until(lambda: not server.job("nothing", other)[0], 30, "the policy does not hold")
        yield server
    finally:
        for remove in (
            lambda: registration.delete_validating_admission_policy_binding(name),
            lambda: registration.delete_validating_admission_policy(name),
            lambda: kubernetes.core.delete_namespace(NAMESPACE),
        ):
            with contextlib.suppress(client.exceptions.NotFoundException):
                remove()


@pytest.mark.parametrize("application", PATCHES)
def test_what_is_declared_is_admitted(server: Server, application: str) -> None:
    made, answer = server.job(application, server.template(application))
    assert made, answer


@pytest.mark.parametrize(
    "application", ["much", "claim-of-no-class", "claim-of-a-claim", "groups", "csi", "affinity", "pulled"]
)
def test_what_is_not_as_declared_is_refused_or_the_same(server: Server, application: str) -> None:
    """Whatever is taken away or another one: if the API server takes it, it makes the declared pod of it."""
    original = server.template(application)
    _, control = server.job(application, original)
    refused = 0
    for at in places(original):
        if at in (("spec", "containers", 0, "image"), ("metadata", "labels")):
            continue
        for other in (None, "other", 7, [7], {"other": "x"}, False):
            pod = copy.deepcopy(original)
            place = parent(pod, at)
            before = place[at[-1]]
            if other is None:
                del place[at[-1]]
            else:
                place[at[-1]] = other
            made, answer = server.job(application, pod)
            same = answer == control or (other is None and repr(before) == repr(DEFAULTS.get(at[-1])))
            assert not made or same, (at, other)
            if not made and answer[0] == 403:
                refused += 1
                assert says(json.loads(answer[1])["message"], at), (at, answer)
    assert refused > 20, "the policy is what refuses"
