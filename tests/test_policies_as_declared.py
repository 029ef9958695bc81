"""That a pod is the declared one, whatever of it: each field changed, taken away or added is refused, defaults are not."""

import copy
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from components.policies.as_declared import DEFAULTS
from components.quantities import whole
from components.settings.errors import SettingsError
from tests.admission import FAILED, refusals
from tests.support import ALL_STACKS, Declared, Object, record_config, record_stack, shipped_config

IMAGE = f"registry.internal:5000/chespirito@sha256:{'a' * 64}"
PROXY = f"registry.example/proxy:latest@sha256:{'0' * 64}"
USER = "system:serviceaccount:staging-ci:deployer"
Place = tuple[str | int, ...]

# What the API server makes of it: fields that nobody gave, and quantities as it writes them.
PATCH: Object = {
    "metadata": {"annotations": {"note": "it's\nhere"}, "labels": {"team": "shop"}},
    "spec": {
        "nodeSelector": {"disk": "ssd"},
        "securityContext": {"supplementalGroups": [1000, 2000]},
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "namespaceSelector": {}}]
            }
        },
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db"]}],
        "volumes": [
            {"name": "own", "emptyDir": {"sizeLimit": "1024Mi"}},
            {"name": "share", "csi": {"driver": "d", "readOnly": False, "volumeAttributes": {"share": "db"}}},
            {"name": "keys", "secret": {"secretName": "keys", "optional": False}},
            {"name": "self", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"name": "none", "projected": {"sources": []}},
            {
                "name": "scratch",
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "storageClassName": "",
                            "resources": {"requests": {"storage": "2048Mi"}},
                            "dataSource": {"kind": "PersistentVolumeClaim", "name": "first"},
                            "dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "first"},
                        }
                    }
                },
            },
        ],
        "containers": [
            {
                "name": "app",
                "volumeMounts": [
                    {"mountPath": "/keys", "name": "keys", "readOnly": True},
                    {"mountPath": "/own", "name": "own"},
                ],
                "env": [
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                    {"name": "EMPTY", "value": ""},
                    {"name": "TEXT", "value": 'it\'s \\ "quoted"\n$(tt.params.head-sha) {{x}}\t$$'},
                ],
            },
            {
                "name": "proxy",
                "image": PROXY,
                "args": ["--quiet"],
                "ports": [{"containerPort": 9000}],
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": "0.0001", "memory": 1e9}},
                "startupProbe": {"httpGet": {"port": 9000}, "initialDelaySeconds": 0, "timeoutSeconds": 0},
            },
        ],
    },
}


@cache
def stack() -> Declared:
    return with_patch(PATCH)


def with_patch(patch: Object) -> Declared:
    config = shipped_config("staging")
    (application,), (environment,) = config["applications"], config["environments"]
    here = environment.get("applications", {})
    own = {**here.get("chespirito", {}), "podTemplate": patch}
    return record_config(
        config
        | {
            "applications": [application | {"beforeRollout": {"command": ["sh", "-c", "it's $HOME"]}, "user": 1000}],
            "environments": [environment | {"applications": here | {"chespirito": own}}],
        }
    )


def admitted() -> Object:
    """The Job's pod as the API server hands it over."""
    found = copy.deepcopy(stack().one("PodTemplate")["template"])
    spec = found["spec"]
    spec["containers"][0]["image"] = IMAGE
    spec["serviceAccount"] = spec["serviceAccountName"]
    spec |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
    for container in (*spec["containers"], *spec["initContainers"]):
        added: Object = {
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "resources": {},
        }
        for name, value in added.items():
            container.setdefault(name, value)
    app, (proxy,) = spec["containers"][0], spec["initContainers"]
    env = {item["name"]: item for item in app["env"]}
    env["CPU"]["valueFrom"]["resourceFieldRef"]["divisor"] = "0"
    del env["EMPTY"]["value"]
    proxy["ports"][0]["protocol"] = "TCP"
    proxy["resources"] = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1m", "memory": "1e9"}}
    probe = proxy["startupProbe"]
    probe |= {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    del probe["initialDelaySeconds"]
    probe["httpGet"] |= {"path": "/", "scheme": "HTTP"}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    volumes["own"]["emptyDir"]["sizeLimit"] = "1Gi"
    volumes["keys"]["secret"]["defaultMode"] = 420
    volumes["self"]["downwardAPI"] |= {"defaultMode": 420}
    volumes["self"]["downwardAPI"]["items"][0]["fieldRef"]["apiVersion"] = "v1"
    volumes["none"]["projected"] |= {"sources": None, "defaultMode": 420}
    claim = volumes["scratch"]["ephemeral"]["volumeClaimTemplate"]
    claim["metadata"] = {"creationTimestamp": None}
    claim["spec"]["resources"]["requests"]["storage"], claim["spec"]["volumeMode"] = "2Gi", "Filesystem"
    claim["spec"]["dataSource"]["apiGroup"] = claim["spec"]["dataSourceRef"]["apiGroup"] = None
    found["metadata"]["labels"] |= {"controller-uid": "0f3c", "job-name": "any"}
    return found


def create(template: Object, *, told: bool = False) -> list[str]:
    made = {
        "metadata": {"name": "any", "labels": {"tekton-delivery/before-rollout": "chespirito"}},
        "spec": {"template": template},
    }
    return refusals(stack(), "tekton-delivery-staging-job-pods", made, user=USER, told=told)


def test_what_the_api_server_writes_is_no_change() -> None:
    assert create(admitted()) == []


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every field and item of what is declared."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*at, key)
        yield from places(item, (*at, key))


def says(message: str, at: Place) -> bool:
    """Whether all that a refusal names is a place, what that is in, or a part of it."""
    place = re.sub(r"\.(\d+)\b", r"[\1]", ".".join(map(str, at)))
    named = message.partition("something else: ")[2].split(", ")
    return all(f"{a}.".startswith((f"{b}.", f"{b}[")) for each in named for a, b in [sorted((each, place), reverse=True)])


def parent(template: Object, at: Place) -> Any:
    found: Any = template
    for key in at[:-1]:
        found = found[key]
    return found


def declared_places() -> list[Place]:
    """All but what another policy holds: the image."""
    found = [at for at in places(stack().one("PodTemplate")["template"]) if at != ("spec", "containers", 0, "image")]
    assert len(found) > 100
    return found


def test_no_field_is_another_one_or_goes() -> None:
    for at in declared_places():
        template = admitted()
        held = parent(template, at)
        if isinstance(held, dict) and at[-1] not in held:
            # What is 0 or empty, which the API server leaves out.
            held[at[-1]] = 7
            assert create(template), at
            continue
        before = held[at[-1]]
        for other in ("other", 7, ["other"], {"other": "x"}, not before):
            held[at[-1]] = other
            assert create(template), (at, other)
        del held[at[-1]]
        refused = create(template)
        if repr(before) == repr(DEFAULTS.get(at[-1])):
            assert refused == [], (at, "what is declared is the default")
        else:
            assert [message.startswith(FAILED) for message in refused] == [False], (at, "gone")
            (message,) = create(template, told=True)
            assert says(message, at), (at, message)


def test_nothing_is_added_to_an_object() -> None:
    template, declared = admitted(), stack().one("PodTemplate")["template"]
    objects = [(), *(at for at in declared_places() if isinstance(parent(declared, (*at, "")), dict))]
    assert len(objects) > 40
    for at in objects:
        held = parent(template, (*at, ""))
        other = {name: {"other": "x"} for name in ("more", "hostPath", "restartPolicy", "hostNetwork", "envFrom")}
        for name, value in (other | dict.fromkeys(DEFAULTS, "other")).items():
            if name not in held:
                held[name] = value
                assert create(template), (at, name)
                del held[name]


def test_a_refusal_names_what_is_something_else() -> None:
    template = admitted()
    del template["spec"]["volumes"][0]["emptyDir"]
    template["spec"]["containers"][0]["env"][1]["value"] = "other"
    template["spec"]["hostNetwork"] = True
    (message,) = create(template, told=True)
    assert message == (
        "the deployer's Jobs have the pod that the stack declares for `beforeRollout` of chespirito, and an image; "
        "something else: spec.hostNetwork"
    )
    del template["spec"]["hostNetwork"]
    (message,) = create(template, told=True)
    assert message.endswith(": spec.volumes[0].emptyDir, spec.containers[0].env[1].value")
    assert create(admitted(), told=True) == []


def test_a_number_that_the_api_server_takes_for_none_is_its_default() -> None:
    (proxy,) = stack().one("PodTemplate")["template"]["spec"]["initContainers"]
    assert proxy["startupProbe"]["timeoutSeconds"] == 0
    template = admitted()
    assert template["spec"]["initContainers"][0]["startupProbe"]["timeoutSeconds"] == 1
    assert create(template) == []


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("100u", "1m"),
        ("0.0001", "1m"),
        ("1e-05", "1m"),
        ("1.5m", "2m"),
        ("0.1001", "101m"),
        ("0.0001Ki", "103m"),
        ("1n", "1m"),
        ("0.5", "0.5"),
        ("100m", "100m"),
        ("1E3", "1E3"),
        ("1E", "1E"),
        ("1.5Gi", "1.5Gi"),
        ("1e999999999", "1e999999999"),
        ("1.2.3", "1.2.3"),
        ("much", "much"),
    ],
)
def test_amounts_are_rounded_up_to_thousandths(declared: str, kept: str) -> None:
    """As `SetDefaults_ResourceList` of Kubernetes does."""
    assert whole(declared) == kept


def test_what_cannot_be_one_expression_is_refused_at_preview() -> None:
    many = {f"VARIABLE_{number}": "x" * 50 for number in range(1000)}
    with pytest.raises(SettingsError, match=r"applications` of chespirito: .*`envFrom` names"):
        with_patch({"spec": {"containers": [{"name": "app", "env": [{"name": k, "value": v} for k, v in many.items()]}]}})


def test_a_list_is_not_longer() -> None:
    for at in [at for at in declared_places() if at[-1] == 0]:
        template = admitted()
        items = parent(template, at)
        items.append(copy.deepcopy(items[0]))
        assert create(template), at


@pytest.mark.parametrize("name", ALL_STACKS)
def test_no_policy_has_a_parameter(name: str) -> None:
    """An API server loses sight of those of a built-in kind for good once no binding names it (kubernetes#130887)."""
    declared = record_stack(name)
    assert all("paramKind" not in policy["spec"] for policy in declared.all("ValidatingAdmissionPolicy"))
    assert all("paramRef" not in binding["spec"] for binding in declared.all("ValidatingAdmissionPolicyBinding"))
