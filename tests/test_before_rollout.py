"""What has to succeed before a rollout: the pod that is declared for it, its rights, and how long a rollout may take."""

from functools import cache
from typing import Any

import pytest

from components import sources
from components.conventions import restricted, seconds
from tests.support import Declared, Object, record_config, several_applications, shipped_config
from tests.test_workloads import IMAGE, PROXY, shop

LABEL = "tekton-delivery/before-rollout"
COMMAND = {"command": ["python", "manage.py", "migrate", "$(HOME)"], "timeout": "10m"}


def template(declared: Declared) -> Object:
    found: Object = declared.one("PodTemplate", "shop-before-rollout")["template"]
    return found


def pod(**settings: Any) -> Object:
    found: Object = template(shop(beforeRollout=COMMAND, **settings))["spec"]
    return found


@cache
def with_migrations(stack: str) -> Declared:
    """A shipped stack whose application has something to run before its rollouts."""
    config = shipped_config(stack)
    (application,) = config["applications"]
    return record_config(config | {"applications": [application | {"beforeRollout": {"command": ["migrate"]}}]})


def test_the_pod_is_the_applications_with_another_command() -> None:
    found = pod(env={"LOG_LEVEL": "info"}, envFrom=[{"secretRef": {"name": "settings"}}], user=1000, args=["serve"])
    (container,) = found.pop("containers")
    assert found == {
        "serviceAccountName": "shop",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "restartPolicy": "Never",
        "activeDeadlineSeconds": 600,
    }
    assert container == {
        "name": "app",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "manage.py", "migrate", "$$(HOME)"],
        "env": [
            {"name": "PORT", "value": "8080"},
            {"name": "HEALTH_PATH", "value": "/"},
            {"name": "LOG_LEVEL", "value": "info"},
        ],
        "envFrom": [{"secretRef": {"name": "settings"}}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
        "securityContext": restricted(1000),
    }, "and nothing that asks, tells or keeps a server"


@pytest.mark.parametrize(
    ("stack", "said", "keeps"),
    [
        ("staging", {}, True),
        ("staging", {"quoteLogs": False}, False),
        ("production", {}, False),
        ("production", {"quoteLogs": True}, True),
    ],
)
def test_the_end_of_a_log_is_kept_where_it_may_be_told(stack: str, said: dict[str, bool], keeps: bool) -> None:
    """By default where pull requests are delivered: it may have a secret in it that nobody meant to show."""
    config = shipped_config(stack)
    (application,), (environment,) = config["applications"], config["environments"]
    migrating = application | {"beforeRollout": {"command": ["migrate"]}, "workloads": {"jobs": {"port": "none"}}}
    declared = record_config(config | {"applications": [migrating], "environments": [environment | said]})
    templates = [each["spec"]["template"] for each in declared.all("Deployment")] + [declared.one("PodTemplate")["template"]]
    assert len(templates) == 3
    for found in templates:
        (container,) = found["spec"]["containers"]
        assert (container.get("terminationMessagePolicy") == "FallbackToLogsOnError") is keeps


def test_nothing_that_selects_the_applications_pods_selects_these() -> None:
    declared = shop(beforeRollout=COMMAND)
    labels = template(declared)["metadata"]["labels"]
    selector = declared.one("Service")["spec"]["selector"]
    assert selector == declared.one("Deployment")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= labels.items()
    assert labels[LABEL] == "shop"


def test_the_deployment_says_that_there_is_something() -> None:
    declared = shop(beforeRollout=COMMAND)
    assert declared.one("Deployment")["metadata"]["annotations"] == {LABEL: "shop"}
    assert "annotations" not in shop().one("Deployment")["metadata"]
    assert shop().names("PodTemplate") == []


def test_it_finds_what_the_application_finds_but_what_only_one_pod_can_have() -> None:
    volumes = [
        {"mountPath": "/tmp", "emptyDir": {"sizeLimit": "1Gi"}},  # the container's
        {"mountPath": "/media", "persistentVolumeClaim": {"claimName": "media"}},
        {"mountPath": "/etc/keys", "secret": {"secretName": "keys"}, "readOnly": True},
    ]
    shared, alone = pod(volumes=volumes, strategy="RollingUpdate"), pod(volumes=volumes, strategy="Recreate")
    assert [volume["name"] for volume in shared["volumes"]] == ["volume-0", "volume-1", "volume-2"]
    for found in (shared, alone):
        mounted = [mount["name"] for mount in found["containers"][0]["volumeMounts"]]
        assert mounted == [volume["name"] for volume in found["volumes"]]
    assert [volume["name"] for volume in alone["volumes"]] == ["volume-0", "volume-2"]


def test_it_takes_nothing_that_runs_a_command_before_the_first_delivery() -> None:
    found = pod(command=["node", "server.js"])
    assert {"initContainers", "volumes"}.isdisjoint(found)
    assert "volumeMounts" not in found["containers"][0]


def test_a_container_beside_the_application_does_not_keep_it_from_ending() -> None:
    patch = {
        "metadata": {"labels": {"team": "shop"}},
        "spec": {
            "nodeSelector": {"disk": "ssd"},
            "containers": [{"name": "proxy", "image": PROXY}, {"name": "app", "lifecycle": {"preStop": {}}}],
            "topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 1}],
        },
    }
    declared = shop(beforeRollout=COMMAND, podTemplate=patch)
    found = template(declared)["spec"]
    assert [container["name"] for container in found["containers"]] == ["app"]
    (proxy,) = found["initContainers"]
    assert (proxy["name"], proxy["restartPolicy"], proxy["securityContext"]) == ("proxy", "Always", restricted())
    assert found["nodeSelector"] == {"disk": "ssd"}
    assert "topologySpreadConstraints" not in found
    assert "lifecycle" not in found["containers"][0]
    assert template(declared)["metadata"]["labels"]["team"] == "shop", "by which a NetworkPolicy may know both"


def test_only_who_has_something_to_run_may_run_it() -> None:
    for stack in ("staging", "production"):
        rules = with_migrations(stack).one("Role", "deployer", stack)["rules"]
        assert rules[-2:] == [
            {
                "apiGroups": [""],
                "resources": ["podtemplates"],
                "resourceNames": ["chespirito-before-rollout"],
                "verbs": ["get"],
            },
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch", "create", "delete"]},
        ]
        assert with_migrations(stack).one("Role", "pruner", stack)["rules"] == [
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list", "delete"]}
        ]


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_without_it_nothing_of_it_is_declared(stacks: dict[str, Declared], stack: str) -> None:
    plain = stacks[stack]
    text = str([item for item in plain.objects if item.get("data") != sources.data()])
    assert "before-rollout" not in text
    assert "jobs" not in str(plain.all("Role"))
    job = plain.one("CronJob", "pruner")
    assert "JOBS_NAMESPACE" not in str(job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"])


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_a_rollout_has_the_time_for_it(stacks: dict[str, Declared], stack: str) -> None:
    """For one that somebody left, for its own, and in whoever waits for the Lease."""
    own = 2 * (600 + 60 + 30)
    plain, more = stacks[stack], with_migrations(stack)
    assert held_for(more) == held_for(plain) + own
    policy = more.one("ValidatingAdmissionPolicy", f"tekton-delivery-{stack}-leases")["spec"]
    assert f"'chespirito-pod': {held_for(more)}" in str(policy["variables"])
    for pipeline, name in rollouts(stack):
        assert limit(more, pipeline, name) == limit(plain, pipeline, name) + 4 * own


def held_for(declared: Declared) -> int:
    annotations = declared.one("Lease", "chespirito-pod")["metadata"]["annotations"]
    return int(annotations["tekton-delivery/lease-seconds"])


def rollouts(stack: str) -> list[tuple[str, str]]:
    if stack == "production":
        return [("chespirito-production-pipeline", "promote")]
    return [("chespirito-staging-pipeline", "stage"), ("chespirito-staging-rejected-pipeline", "restore")]


def limit(declared: Declared, pipeline: str, task: str) -> int:
    tasks = declared.one("Pipeline", pipeline)["spec"]["tasks"]
    (found,) = [each["timeout"] for each in tasks if each["name"] == task]
    return seconds(found)


def test_its_pod_counts_among_those_of_the_quota() -> None:
    config = shipped_config("staging")
    (application,) = config["applications"]
    (environment,) = config["environments"]
    for extra, refused in ((0, True), (1, False)):
        few = environment | {"replicas": 3, "maxPods": 4 + extra}
        changed = config | {
            "applications": [application | {"beforeRollout": {"command": ["migrate"]}}],
            "environments": [few],
        }
        if refused:
            with pytest.raises(Exception, match="the applications may need 5 pods"):
                record_config(changed)
        else:
            record_config(changed)


def test_each_application_has_its_own() -> None:
    config = shipped_config("staging")
    (application,) = config["applications"]
    other = {"name": "other", "repository": "acme/other"}
    declared = record_config(
        config | {"applications": [each | {"beforeRollout": {"command": ["m"]}} for each in (application, other)]}
    )
    assert declared.names("PodTemplate") == ["chespirito-before-rollout", "other-before-rollout"]
    policy = declared.one("ValidatingAdmissionPolicy", "tekton-delivery-staging-job-pods")["spec"]
    assert [validation["expression"].partition(" || ")[0] for validation in policy["validations"]] == [
        f"variables.application != '{name}'" for name in ("chespirito", "other")
    ]
    assert "other-before-rollout" not in str(several_applications().all("PodTemplate")), "the control"
