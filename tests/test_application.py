"""An application: a Deployment whose image is not Pulumi's, and a Service in front of it."""

from dataclasses import replace
from typing import Any

import pytest

from components.application import SECRETS_VERSION, Application, ApplicationArgs, deployment_name
from components.conventions import CONTAINER, restricted
from components.settings.application import Container, Liveness, Probes, Requests, Resources, Startup
from components.settings.environment import Autoscaling
from tests.support import Declared, Object, declare, secret

IMAGE = "registry.example/tools@sha256:" + "0" * 64
SHOP: dict[str, Any] = {"health_path": "/healthz", "resources": Resources(cpu="250m", memory="128Mi")}


def application(
    *, port: int = 8080, node_port: int | None = None, pull_secret: str | None = None, replicas: int = 1
) -> Declared:
    args = ApplicationArgs(
        application="shop",
        environment="staging",
        namespace="staging",
        placeholder_image=IMAGE,
        container=Container(port=port, **SHOP),
        scale=replicas,
        pull_secret=pull_secret,
        node_port=node_port,
        rollout_timeout="90s",
    )
    return declare(lambda: Application("shop", args))


def pod(declared: Declared) -> Object:
    found: Object = declared.one("Deployment")["spec"]["template"]["spec"]
    return found


def container(declared: Declared) -> Object:
    (found,) = pod(declared)["containers"]
    assert isinstance(found, dict)
    return found


def test_its_name_is_the_one_that_the_pipeline_deploys_to() -> None:
    assert application().names("Deployment") == [deployment_name("shop")] == ["shop-pod"]
    assert container(application())["name"] == CONTAINER == "app"


def test_pulumi_declares_the_image_once_and_then_leaves_it_alone() -> None:
    resource = application().resource("Deployment", "shop-pod")
    assert container(application())["image"] == IMAGE
    assert resource.ignore_changes == ("spec.template.spec.containers[0].image",)


def test_nothing_else_of_the_deployment_is_ignored() -> None:
    """A limit, a replica or a probe that changes in the stack's file changes on the cluster; a Lease is its holder's."""
    ignored = {resource.type.split(":")[-1]: resource.ignore_changes for resource in application().resources}
    assert {kind: paths for kind, paths in ignored.items() if paths} == {
        "Deployment": ("spec.template.spec.containers[0].image",),
        "Lease": ("spec",),
    }


def test_deploys_take_turns_by_a_lease_of_the_deployments_name() -> None:
    assert application().names("Lease") == application().names("Deployment")


def test_the_old_version_serves_until_the_new_one_is_ready() -> None:
    spec = application().one("Deployment")["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert container(application())["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert spec["progressDeadlineSeconds"] == 90


def test_the_service_finds_the_pods() -> None:
    declared = application()
    labels = declared.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert declared.one("Service", "shop")["spec"]["selector"].items() <= labels.items()
    assert declared.one("Deployment")["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert declared.one("Service")["spec"]["ports"][0]["targetPort"] == container(declared)["ports"][0]["name"]


@pytest.mark.parametrize("port", [80, 8080, 65535])
def test_the_container_is_told_where_to_listen(port: int) -> None:
    found = container(application(port=port))
    assert {"name": "PORT", "value": str(port)} in found["env"]
    assert found["ports"] == [{"name": "http", "containerPort": port}]


def test_it_is_reached_inside_the_cluster_unless_a_node_port_is_asked_for() -> None:
    inside, outside = application().one("Service")["spec"], application(node_port=30080).one("Service")["spec"]
    assert inside["type"] == "ClusterIP"
    assert "nodePort" not in inside["ports"][0]
    assert outside["type"] == "NodePort"
    assert outside["ports"][0]["nodePort"] == 30080


@pytest.mark.parametrize(("replicas", "awaited"), [(0, False), (1, True)])
def test_a_service_that_has_no_pods_is_not_waited_for(replicas: int, awaited: bool) -> None:
    annotations = other(scale=replicas).one("Service")["metadata"].get("annotations", {})
    assert ("pulumi.com/skipAwait" not in annotations) is awaited


def test_its_pods_hold_no_token_and_run_restricted() -> None:
    declared = application()
    assert pod(declared)["automountServiceAccountToken"] is False
    assert declared.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert container(declared)["securityContext"] == restricted()
    assert "volumes" not in pod(declared)


def test_limits_and_replicas_are_the_settings() -> None:
    declared = application(replicas=3)
    assert container(declared)["resources"]["limits"] == {"cpu": "250m", "memory": "128Mi"}
    assert declared.one("Deployment")["spec"]["replicas"] == 3


@pytest.mark.parametrize(("secret", "expected"), [("registry-pull", [{"name": "registry-pull"}]), (None, [])])
def test_its_image_is_pulled_with_the_registrys_credential(secret: str | None, expected: list[Object]) -> None:
    declared = application(pull_secret=secret)
    assert declared.one("ServiceAccount").get("imagePullSecrets", []) == expected
    assert pod(declared)["serviceAccountName"] == declared.one("ServiceAccount")["metadata"]["name"]


def other(**changes: Any) -> Declared:
    return declare(lambda: Application("shop", shop(**changes)))


def with_secrets() -> Declared:
    def program() -> None:
        values = {"secret_env": {"TOKEN": secret("hush")}, "secret_files": {"license.key": secret("hush")}}
        Application("shop", shop(**values))

    return declare(program)


def shop(**changes: Any) -> ApplicationArgs:
    args = ApplicationArgs(
        application="shop",
        environment="staging",
        namespace="staging",
        placeholder_image=IMAGE,
        container=Container(**SHOP),
    )
    return replace(args, **changes)


def test_plain_variables_follow_those_of_the_program() -> None:
    env = container(other(env={"LOG_LEVEL": "info"}))["env"]
    assert [(item["name"], item["value"]) for item in env] == [
        ("PORT", "8080"),
        ("HEALTH_PATH", "/healthz"),
        ("LOG_LEVEL", "info"),
    ]


def test_secrets_reach_the_container_by_reference_only() -> None:
    made = with_secrets()
    assert made.one("Secret")["metadata"]["name"] == "shop", "a fixed name: it changes in place"
    assert container(made)["env"][-1] == {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "shop", "key": "TOKEN"}}}
    (mounted,) = container(made)["volumeMounts"]
    assert mounted == {"name": "secret-files", "mountPath": "/run/secrets", "readOnly": True}
    (volume,) = pod(made)["volumes"]
    assert volume["secret"] == {"secretName": "shop", "items": [{"key": "license.key", "path": "license.key"}]}
    assert "hush" not in repr(made.recording)


def test_a_changed_secret_rolls_the_pods() -> None:
    """By the version that the API server gives the Secret; a hash would let readers of the Deployment try values."""
    deployment = with_secrets().resource("Deployment", "shop-pod")
    (urn,) = [urn for urn in deployment.dependencies if "Secret" in urn]
    assert urn.endswith("::shop-secret")
    assert SECRETS_VERSION in deployment.inputs["spec"]["template"]["metadata"]["annotations"]
    assert "annotations" not in other().one("Deployment")["spec"]["template"]["metadata"]


def test_probes_ask_the_port_that_answers_them() -> None:
    probing = Probes(port=8081, liveness=Liveness(path="/livez"), startup=Startup(path="/startz", timeout="90s"))
    found = container(other(container=Container(health_path="/readyz", probes=probing)))
    assert [(port["name"], port["containerPort"]) for port in found["ports"]] == [("http", 8080), ("probes", 8081)]
    probes = {name: found[f"{name}Probe"] for name in ("readiness", "liveness", "startup")}
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {"probes"}
    assert {name: probe["httpGet"]["path"] for name, probe in probes.items()} == {
        "readiness": "/readyz",
        "liveness": "/livez",
        "startup": "/startz",
    }
    assert probes["startup"]["periodSeconds"] * probes["startup"]["failureThreshold"] == 90
    assert {"name": "PROBES_PORT", "value": "8081"} in found["env"], "what runs before the first delivery answers there"
    assert {"livenessProbe", "startupProbe"}.isdisjoint(container(other()))


def test_probes_on_the_port_of_requests_are_asked_there() -> None:
    found = container(other(container=Container(port=8081, probes=Probes(port=8081))))
    assert [port["name"] for port in found["ports"]] == ["http"], "a port that stands there twice is refused or lost"
    assert found["readinessProbe"]["httpGet"]["port"] == "http"


def test_one_pod_is_neither_spread_nor_kept_from_being_drained() -> None:
    assert other(scale=1).all("PodDisruptionBudget") == []
    assert "topologySpreadConstraints" not in pod(other(scale=1))


@pytest.mark.parametrize("scale", [2, Autoscaling(min=1, max=2, cpu=80)], ids=["replicas", "autoscaling"])
def test_several_pods_are_spread_and_drained_one_by_one(scale: Any) -> None:
    made = other(scale=scale)
    assert made.one("PodDisruptionBudget")["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"app.kubernetes.io/name": "shop"}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    constraints = pod(made)["topologySpreadConstraints"]
    assert [item["topologyKey"] for item in constraints] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {item["whenUnsatisfiable"] for item in constraints} == {"ScheduleAnyway"}


def test_where_the_load_decides_pulumi_declares_the_number_once_and_leaves_it_alone() -> None:
    """A number that is no longer declared would become 1 until the autoscaler has seen that."""
    made = other(scale=Autoscaling(min=2, max=5, cpu=70))
    assert made.one("Deployment")["spec"]["replicas"] == 2
    assert made.resource("Deployment", "shop-pod").ignore_changes == (
        "spec.template.spec.containers[0].image",
        "spec.replicas",
    )
    spec = made.one("HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-pod"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}


def test_requests_stand_beside_limits() -> None:
    resources = Resources(cpu="1", memory="1Gi", requests=Requests(cpu="100m", memory="64Mi"))
    assert container(other(container=Container(resources=resources)))["resources"] == {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }
