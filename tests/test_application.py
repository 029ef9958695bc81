"""An application: a Deployment whose image is not Pulumi's, and a Service in front of it."""

import pytest

from components.application import Application, ApplicationArgs, deployment_name
from components.conventions import CONTAINER, restricted
from tests.support import Declared, Object, declare

IMAGE = "registry.example/tools@sha256:" + "0" * 64


def application(
    *, port: int = 8080, node_port: int | None = None, pull_secret: str | None = None, replicas: int = 1
) -> Declared:
    args = ApplicationArgs(
        application="shop",
        environment="staging",
        namespace="staging",
        placeholder_image=IMAGE,
        port=port,
        health_path="/healthz",
        replicas=replicas,
        cpu="250m",
        memory="128Mi",
        pull_secret=pull_secret,
        node_port=node_port,
        rollout_timeout_seconds=90,
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
