"""What runs in an application's pods beyond a web server: a command, a user, a worker that nobody asks."""

from typing import Any

import pytest
from pydantic import ValidationError

from components.application import Application, ApplicationArgs
from components.conventions import restricted
from components.pod import STARTER, STARTER_FOLDER
from components.settings.application import Container
from components.settings.before_rollout import BeforeRollout
from components.settings.environment import Autoscaling, Workload
from components.settings.pod_template import PodTemplate
from tests.support import Declared, Object, declare, record_config, shipped_config

IMAGE = "registry.example/tools@sha256:" + "0" * 64


def shop(scale: int | Autoscaling = 1, here: Object | None = None, **settings: Any) -> Declared:
    """An application whose container has these settings, as a stack file names them, and `here` those of its environment."""
    workload = Workload.model_validate(here or {})
    before = settings.pop("beforeRollout", None)
    args = ApplicationArgs(
        application="shop",
        environment="staging",
        namespace="staging",
        placeholder_image=IMAGE,
        container=Container.model_validate(settings),
        scale=scale,
        env=workload.env,
        env_from=workload.env_from,
        pod_template=workload.pod_template,
        before_rollout=BeforeRollout.model_validate(before) if before else None,
    )
    return declare(lambda: Application("shop", args))


def spec(declared: Declared) -> Object:
    found: Object = declared.one("Deployment")["spec"]
    return found


def pod(declared: Declared) -> Object:
    found: Object = spec(declared)["template"]["spec"]
    return found


def container(declared: Declared) -> Object:
    (found,) = pod(declared)["containers"]
    assert isinstance(found, dict)
    return found


def test_arguments_arrive_as_they_are_written() -> None:
    declared = shop(args=["worker", "--queue=$(HOME)", "a\nb"])
    assert container(declared)["args"] == ["worker", "--queue=$$(HOME)", "a\nb"]
    assert "command" not in container(declared)
    assert "initContainers" not in pod(declared)


def test_a_command_is_run_by_what_knows_the_placeholder() -> None:
    declared = shop(command=["node", "worker.js"], args=["$HOME"], user=1000)
    assert container(declared)["command"] == [f"{STARTER_FOLDER}/{STARTER}", "node", "worker.js"]
    assert container(declared)["args"] == ["$$HOME"]
    (starter,) = pod(declared)["initContainers"]
    assert (starter["image"], starter["securityContext"]) == (IMAGE, restricted(1000))
    (volume,) = pod(declared)["volumes"]
    (written,), (read,) = starter["volumeMounts"], container(declared)["volumeMounts"]
    assert volume["name"] == written["name"] == read["name"]
    assert written["mountPath"] == read["mountPath"] == STARTER_FOLDER
    assert "readOnly" not in written
    assert read["readOnly"] is True


def test_the_application_does_not_choose_what_pulumi_leaves_alone() -> None:
    resource = shop(command=["node"]).resource("Deployment", "shop-pod")
    assert resource.ignore_changes == ("spec.template.spec.containers[0].image",)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, restricted()), ({"user": 1000}, restricted(1000)), ({"user": 999, "group": 33}, restricted(999, 33))],
)
def test_it_runs_as_a_user_and_group_that_are_numbers(settings: Object, expected: Object) -> None:
    found = container(shop(**settings))["securityContext"]
    assert found == expected
    user = settings.get("user", 65532)
    assert (found["runAsUser"], found["runAsGroup"]) == (user, settings.get("group", user))


@pytest.mark.parametrize(("given", "seconds"), [({}, 10), ({"terminationGracePeriod": "2m"}, 120)])
def test_it_may_go_on_for_a_while_when_it_is_told_to_end(given: Object, seconds: int) -> None:
    assert pod(shop(**given))["terminationGracePeriodSeconds"] == seconds


def test_a_worker_has_no_port_and_no_service() -> None:
    declared = shop(port="none", env={"QUEUE": "mail"})
    found = container(declared)
    assert not {"ports", "lifecycle", "readinessProbe", "livenessProbe", "startupProbe"} & found.keys()
    assert found["env"] == [{"name": "QUEUE", "value": "mail"}]
    assert declared.names("Service") == []


def test_one_that_nobody_can_ask_is_ready_when_it_has_run_for_a_while() -> None:
    """`Available` is what a rollout waits for: one that ends at its start never is."""
    assert spec(shop(port="none"))["minReadySeconds"] == 10
    assert "minReadySeconds" not in spec(shop())


def test_a_worker_may_answer_probes() -> None:
    probes = {"port": 9000, "liveness": {"path": "/livez"}}
    declared = shop(port="none", healthPath="/readyz", probes=probes)
    found = container(declared)
    assert found["ports"] == [{"name": "probes", "containerPort": 9000}]
    assert found["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "probes"}
    assert found["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "probes"}
    assert found["env"] == [{"name": "HEALTH_PATH", "value": "/readyz"}, {"name": "PROBES_PORT", "value": "9000"}]
    assert "minReadySeconds" not in spec(declared)
    assert declared.names("Service") == []


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_nothing_is_opened_to_a_worker(stack: str) -> None:
    config = shipped_config(stack)
    worker = {"name": "worker", "repository": "acme/worker", "port": "none", "args": ["worker"]}
    declared = record_config(config | {"applications": [*config["applications"], worker]})
    policies = declared.names("NetworkPolicy")
    assert "anyone-to-chespirito" in policies
    assert "anyone-to-worker" not in policies


@pytest.mark.parametrize(("pods", "warns"), [(0, True), (1, False)])
def test_an_autoscaler_that_would_wake_nothing_is_told_of(pods: int, warns: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Pulumi finds on the cluster is what it leaves there; here that is what is declared."""
    told: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", told.append)
    shop(Autoscaling.model_construct(min=pods, max=5, cpu=80))
    assert [text.split()[0] for text in told] == (["shop-pod"] if warns else [])


def test_volumes_are_declared_as_they_are_named() -> None:
    claim, keys = {"claimName": "media"}, {"secretName": "keys", "optional": True}
    declared = shop(
        user=1000,
        group=33,
        strategy="Recreate",
        volumes=[
            {"mountPath": "/tmp", "emptyDir": {"sizeLimit": "1Gi"}},  # the container's
            {"mountPath": "/media", "persistentVolumeClaim": claim, "subPath": "shop/media"},
            {"mountPath": "/etc/keys", "secret": keys, "readOnly": True},
            {"mountPath": "/etc/shop", "configMap": {"name": "shop"}},
        ],
    )
    assert pod(declared)["volumes"] == [
        {"name": "volume-0", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "volume-1", "persistentVolumeClaim": claim},
        {"name": "volume-2", "secret": keys},
        {"name": "volume-3", "configMap": {"name": "shop"}},
    ]
    assert container(declared)["volumeMounts"] == [
        {"name": "volume-0", "mountPath": "/tmp"},  # the container's
        {"name": "volume-1", "mountPath": "/media", "subPath": "shop/media"},
        {"name": "volume-2", "mountPath": "/etc/keys", "readOnly": True},
        {"name": "volume-3", "mountPath": "/etc/shop"},
    ]
    assert pod(declared)["securityContext"]["fsGroup"] == 33, "what is mounted can be written to"
    assert "fsGroup" not in pod(shop())["securityContext"]


def test_what_ran_ends_first_where_it_holds_what_the_next_one_needs() -> None:
    assert spec(shop(strategy="Recreate"))["strategy"] == {"type": "Recreate"}


def test_variables_come_from_objects_that_are_there() -> None:
    declared = shop(
        env={"URL": {"secretKeyRef": {"name": "db", "key": "url", "optional": True}}, "LEVEL": "info"},
        envFrom=[{"secretRef": {"name": "settings"}}],
        here={
            "env": {"LEVEL": {"configMapKeyRef": {"name": "levels", "key": "shop"}}},
            "envFrom": [{"configMapRef": {"name": "here"}}],
        },
    )
    assert container(declared)["env"][2:] == [
        {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url", "optional": True}}},
        {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "levels", "key": "shop"}}},
    ]
    assert container(declared)["envFrom"] == [{"secretRef": {"name": "settings"}}, {"configMapRef": {"name": "here"}}]
    assert declared.names("Secret") == [], "nothing of them is in this stack"


def test_an_environment_changes_what_it_names_of_the_resources_and_no_more() -> None:
    config = shipped_config("both")
    (application,) = config["applications"]
    application |= {"resources": {"cpu": "1", "memory": "512Mi", "requests": {"cpu": "100m", "memory": "64Mi"}}}
    qa, live = config["environments"]
    here = {"resources": {"memory": "1Gi", "requests": {"cpu": "200m"}}}
    environments = [qa, live | {"applications": {"chespirito": here}}]
    declared = record_config(config | {"applications": [application], "environments": environments})
    found = {}
    for namespace in ("qa", "live"):
        (container,) = declared.one("Deployment", "chespirito-pod", namespace)["spec"]["template"]["spec"]["containers"]
        found[namespace] = (container["resources"]["limits"], container["resources"]["requests"])
    assert found == {
        "qa": ({"cpu": "1", "memory": "512Mi"}, {"cpu": "100m", "memory": "64Mi"}),
        "live": ({"cpu": "1", "memory": "1Gi"}, {"cpu": "200m", "memory": "64Mi"}),
    }


PROXY = "registry.example/proxy@sha256:" + "1" * 64


def test_a_patch_is_merged_last_and_one_of_the_environment_after_it() -> None:
    everywhere = {
        "metadata": {"labels": {"team": "shop"}},
        "spec": {
            "nodeSelector": {"disk": "ssd", "zone": "a"},
            "enableServiceLinks": None,
            "containers": [
                {"name": "proxy", "image": PROXY, "securityContext": {"runAsUser": 7}},
                {
                    "name": "app",
                    "env": [{"name": "LEVEL", "value": "patched"}, {"name": "MORE", "value": "1"}],
                    "securityContext": {"readOnlyRootFilesystem": True},
                    "livenessProbe": {"exec": {"command": ["true"]}},
                },
            ],
        },
    }
    here = {"podTemplate": {"spec": {"nodeSelector": {"zone": "b"}, "tolerations": [{"operator": "Exists"}]}}}
    declared, plain = shop(env={"LEVEL": "info"}, podTemplate=everywhere, here=here), shop(env={"LEVEL": "info"})
    assert spec(declared)["template"]["metadata"]["labels"] == spec(plain)["template"]["metadata"]["labels"] | {
        "team": "shop"
    }
    assert pod(declared)["nodeSelector"] == {"disk": "ssd", "zone": "b"}
    assert pod(declared)["tolerations"] == [{"operator": "Exists"}]
    assert "enableServiceLinks" not in pod(declared)
    app, proxy = pod(declared)["containers"]
    assert app["env"] == [
        *container(plain)["env"][:2],
        {"name": "LEVEL", "value": "patched"},
        {"name": "MORE", "value": "1"},
    ]
    assert app["securityContext"] == restricted() | {"readOnlyRootFilesystem": True}
    assert (app["image"], app["readinessProbe"]) == (IMAGE, container(plain)["readinessProbe"])
    assert proxy == {"name": "proxy", "image": PROXY, "securityContext": restricted() | {"runAsUser": 7}}
    assert declared.resource("Deployment", "shop-pod").ignore_changes == ("spec.template.spec.containers[0].image",)


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        ({"containers": [{"name": "app", "image": PROXY}]}, "`spec.containers[0].image` is what deliveries bring"),
        ({"containers": [{"name": "app", "command": ["x"]}]}, "`spec.containers[0].command` is the application's setting"),
        ({"containers": [{"name": "p", "image": "proxy:1"}]}, "`spec.containers[0].image` must be named by its digest"),
        ({"containers": {"app": {}}}, "`spec.containers` is a list"),
        ({"containers": None}, "`spec.containers` is a list"),
        ({"initContainers": [{"image": PROXY}]}, "`spec.initContainers[0]` needs `name`"),
        ({"containers": [{"name": "app", "env": {"A": "b"}}]}, "`spec.containers[0].env` is a list"),
        ({"containers": [{"name": "app", "$patch": "delete"}]}, "`spec.containers[0].$patch`"),
        ({"containers": [{"name": "app", "ports": [{"containerPort": 1, "hostPort": 1}]}]}, "hostPort` is the program's"),
        ({"containers": [{"name": "app", "securityContext": {"privileged": True}}]}, "securityContext` may hold"),
        ({"containers": [{"name": "app", "securityContext": {"runAsUser": 0}}]}, "securityContext` may hold"),
        ({"securityContext": {"runAsNonRoot": False}}, "`spec.securityContext` may hold"),
        ({"securityContext": None}, "`spec.securityContext` may hold"),
        ({"serviceAccountName": "deployer"}, "`spec.serviceAccountName` is the program's"),
        ({"automountServiceAccountToken": True}, "`spec.automountServiceAccountToken` is the program's"),
        ({"hostNetwork": True}, "`spec.hostNetwork` is the program's"),
        ({"volumes": [{"name": "disk", "hostPath": {"path": "/"}}]}, "`spec.volumes[0].hostPath` is none of"),
    ],
)
def test_a_patch_changes_nothing_that_deliveries_or_pod_security_rest_on(patch: Object, problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        PodTemplate.model_validate({"spec": patch})
    assert problem in str(refused.value)


def test_a_label_may_be_called_as_a_list_is() -> None:
    """What is refused in a list's place is none elsewhere."""
    PodTemplate.model_validate({"spec": {"nodeSelector": {"env": "prod", "ports": "many"}}})


@pytest.mark.parametrize("kind", ["labels", "annotations"])
@pytest.mark.parametrize("key", ["app.kubernetes.io/name", "tekton-delivery/secrets-version"])
def test_a_patch_leaves_what_the_program_labels(kind: str, key: str) -> None:
    PodTemplate.model_validate({"metadata": {kind: {"app.kubernetes.io/version": "1"}}})
    with pytest.raises(ValidationError, match=key):
        PodTemplate.model_validate({"metadata": {kind: {key: "x"}}})
