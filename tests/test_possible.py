"""Pods that a `podTemplate` makes and that Kubernetes refuses, or can never start, are refused at preview."""

from typing import Any

import pytest

from components.settings.errors import SettingsError
from tests.support import Object, record_config, shipped_config
from tests.test_workloads import PROXY, container, shop

OWN, HERE = "applications[0].podTemplate", "environments[0].applications.chespirito.podTemplate"


def app(**fields: Any) -> Object:
    return {"containers": [{"name": "app", **fields}]}


def proxy(**fields: Any) -> Object:
    return {"containers": [{"name": "proxy", "image": PROXY, **fields}]}


def declare(own: Object | None = None, here: Object | None = None, **settings: Any) -> None:
    config = shipped_config("staging")
    (application,), (environment,) = config["applications"], config["environments"]
    workload = environment.get("applications", {}).get("chespirito", {})
    application |= settings | ({"podTemplate": {"spec": own}} if own else {})
    workload |= {"podTemplate": {"spec": here}} if here else {}
    record_config(
        config | {"applications": [application], "environments": [environment | {"applications": {"chespirito": workload}}]}
    )


def refused(**given: Any) -> list[str]:
    with pytest.raises(SettingsError) as error:
        declare(**given)
    first, *lines = str(error.value).splitlines()
    assert first == "Pulumi.test.yaml cannot be used:"
    return [line.strip() for line in lines]


SECRET = {"name": "volume-0", "secret": {"secretName": "a"}}
SLEEP = {"lifecycle": {"preStop": {"sleep": {"seconds": 40}}}}
MANY = {"name": "app", "env": [{"name": "LEVEL", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        (
            {"terminationGracePeriodSeconds": 0},
            "`spec.terminationGracePeriodSeconds` is 0, and `spec.containers[app].lifecycle.preStop` sleeps 2 s of it: "
            "allow 2 at least, or take the sleep away (`lifecycle: null`)",
        ),
        (
            proxy(**SLEEP),
            "`spec.terminationGracePeriodSeconds` is 10, and `spec.containers[proxy].lifecycle.preStop` sleeps 40",
        ),
        (
            app(readinessProbe={"tcpSocket": {"port": 1}}),
            "`spec.containers[app].readinessProbe` has httpGet and tcpSocket, and can have one of them: the other is null",
        ),
        (
            app(readinessProbe={"httpGet": None}),
            "`spec.containers[app].readinessProbe` has none of exec, grpc, httpGet, tcpSocket",
        ),
        (
            app(lifecycle={"preStop": {"exec": {"command": ["x"]}}}),
            "`spec.containers[app].lifecycle.preStop` has exec and sleep",
        ),
        ({"containers": [MANY]}, "`spec.containers[app].env[LEVEL]` has value and valueFrom"),
        ({"volumes": [SECRET]}, "`spec.volumes[volume-0]` has emptyDir and secret"),
        ({"initContainers": [{"name": "app"}]}, "`spec.containers and spec.initContainers` has the name `app` twice"),
        ({"containers": [{"name": "proxy"}]}, "`spec.containers[proxy]` needs `image`, by its digest"),
        (app(ports=[{"containerPort": 9, "name": "http"}]), "`spec.containers[app].ports` has the name `http` twice"),
        (
            app(ports=[{"containerPort": 8080, "name": "web"}]),
            "`spec.containers[app].readinessProbe.httpGet` asks the port `http`, and the container has none of that name",
        ),
        (app(ports=[{"containerPort": 8080, "name": "web"}]), "no container has a port of the name `http` any more"),
        (
            proxy(volumeMounts=[{"mountPath": "/x", "name": "x"}]),
            "`spec.containers[proxy].volumeMounts[/x]` needs the `name` of",
        ),
        (
            app(resources={"limits": {"cpu": "1m"}}),
            "`spec.containers[app].resources.requests.cpu` is 10m, above the limit of 1m",
        ),
        (
            {"topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}]},
            "`spec.topologySpreadConstraints[kubernetes.io/hostname]` needs `maxSkew`",
        ),
    ],
)
def test_what_a_patch_makes_of_a_pod_and_cannot_be_is_refused(patch: Object, problem: str) -> None:
    settings = {"env": {"LEVEL": "info"}, "volumes": [{"mountPath": "/tmp", "emptyDir": {"sizeLimit": "1Gi"}}]}
    for where, given in ((OWN, {"own": patch}), (HERE, {"here": patch})):
        lines = refused(**given, **settings)
        assert [line for line in lines if line.startswith(f"tekton-delivery:{where}: {problem}")], lines


@pytest.mark.parametrize(
    "patch",
    [
        {"terminationGracePeriodSeconds": 2},
        {"terminationGracePeriodSeconds": 0, **app(lifecycle=None)},
        {"terminationGracePeriodSeconds": 40, **proxy(**SLEEP)},
        app(readinessProbe={"httpGet": None, "tcpSocket": {"port": "http"}}),
        app(readinessProbe=None, lifecycle={"preStop": {"sleep": None, "exec": {"command": ["x"]}}}),
        app(env=[{"name": "LEVEL", "value": None, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]),
        {"volumes": [SECRET | {"emptyDir": None}]},
        {
            "containers": [
                {"name": "app", "ports": [{"containerPort": 8080, "name": "web"}], "readinessProbe": None},
                {"name": "proxy", "image": PROXY, "ports": [{"containerPort": 9, "name": "http"}]},
            ]
        },
        app(resources={"limits": {"cpu": "0.01", "example.com/gpu": 1}, "requests": {"cpu": "9999u"}}),
    ],
)
def test_what_can_be_is_declared(patch: Object) -> None:
    settings = {"env": {"LEVEL": "info"}, "volumes": [{"mountPath": "/tmp", "emptyDir": {"sizeLimit": "1Gi"}}]}
    declare(own=patch, **settings)
    declare(here=patch, **settings)


def test_what_both_bring_is_said_where_it_can_be_mended() -> None:
    brings = {"containers": [{"name": "proxy", "resources": {"requests": {"cpu": "2"}}}]}
    lines = refused(own=proxy(resources={"limits": {"cpu": "1"}}), here=brings)
    assert [line.partition(": `")[0] for line in lines] == [f"tekton-delivery:{HERE}"]
    declare(own={"containers": [{"name": "proxy"}]}, here=proxy())


def test_the_pod_before_rollouts_has_to_be_possible_too() -> None:
    patch = {"terminationGracePeriodSeconds": 60, **proxy(**SLEEP)}
    declare(own=patch)
    (line,) = refused(own=patch, beforeRollout={"command": ["migrate"]})
    assert line.startswith(f"tekton-delivery:{OWN}: before rollouts, `spec.terminationGracePeriodSeconds` is 30")


@pytest.mark.parametrize(("allowed", "sleeps"), [("1s", 1), ("2s", 2), ("10s", 2)])
def test_who_has_no_time_to_end_in_is_not_kept_waiting(allowed: str, sleeps: int) -> None:
    found = container(shop(terminationGracePeriod=allowed))
    assert found["lifecycle"] == {"preStop": {"sleep": {"seconds": sleeps}}}
