"""Credentials of single repositories, and those in Secrets of the cluster: who mounts which, and who declares what."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.errors import SettingsError
from local.forge.replay import rewrite
from offline.policy import violations
from offline.reachability.rows import rows
from tests.admission import refusals
from tests.closure import problems
from tests.sink import deliver
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_routing import SHA, payload

NAMESPACE = "staging-ci"
ENVIRONMENTS = [
    {"name": "staging", "deliverOn": "pull-request"},
    {"name": "production", "deliverOn": "merge"},
]


def application(name: str, **more: object) -> Object:
    return {"name": name, "repository": f"acme/{name}"} | more


def held(name: str, key: str) -> Object:
    return {"secret": {"name": name, "key": key}}


def declared(forge: Object, *applications: Object, **more: Any) -> Declared:
    """Both environments in one stack, with this forge."""
    config = shipped_config("staging") | {"environments": ENVIRONMENTS, "applications": list(applications)}
    config["mark"] |= shipped_config("production")["mark"]
    config["forge"] |= forge
    return record_config(config | more)


def by_key(**own: Object) -> Object:
    """SSH with keys of single repositories, and one for all others."""
    ssh = shipped_config("staging")["forge"]["ssh"]
    return {"ssh": ssh | {"deployKeys": {f"acme/{name}": source for name, source in own.items()}}}


@pytest.fixture(scope="module")
def keys() -> Declared:
    """Three applications: with a key of its own, with one that is on the cluster, and with the key for all others."""
    forge = by_key(shop={"file": "secrets/shop"}, wiki=held("wiki-key", "id"))
    return declared(forge, application("shop"), application("wiki"), application("blog"))


def fetched_by(stack: Declared, name: str, namespace: str = NAMESPACE) -> set[str]:
    """The Secrets that the pods of an application reach which fetch, of those that git takes."""
    known = {"ssh-directory", "shop-ssh-directory", "wiki-key", "known-hosts", "basic-auth", "shop-basic-auth", "git"}
    return {
        row.reaches.removeprefix(f"secret {namespace}/")
        for row in rows(stack.objects)
        if f"Pipeline {namespace}/{name}-" in row.pod and row.reaches.removeprefix(f"secret {namespace}/") in known
    }


@pytest.mark.parametrize("environment", ["staging-ci", "production-ci"])
def test_each_application_is_fetched_by_its_own_key_alone(keys: Declared, environment: str) -> None:
    found = {name: fetched_by(keys, name, environment) for name in ("shop", "wiki", "blog")}
    assert found == {
        "shop": {"shop-ssh-directory", "known-hosts"},
        "wiki": {"wiki-key", "known-hosts"},
        "blog": {"ssh-directory", "known-hosts"},
    }


def test_no_pod_could_reach_any_secret_that_it_is_told(keys: Declared) -> None:
    """What a run binds is told by its pipeline; that is known before any event."""
    assert not [row for row in rows(keys.objects) if row.reaches == f"every secret of {NAMESPACE}"]


def test_what_a_pipeline_tells_its_tasks_is_taken(keys: Declared) -> None:
    assert [line for line in problems(keys, {"wiki-key"}) if not line.startswith("pipelines: ")] == []


def test_a_key_on_the_cluster_is_declared_by_nobody_here(keys: Declared) -> None:
    names = [item["metadata"]["name"] for item in keys.all("Secret") if item["metadata"]["namespace"] == NAMESPACE]
    assert {"shop-ssh-directory", "ssh-directory", "known-hosts"} <= set(names)
    assert not [name for name in names if name.startswith("wiki")]


def start(stack: Declared, change: Any = None) -> list[str]:
    """What the listener is told that starts the run of a pull request of shop's, changed like this."""
    (made,) = deliver(stack, rewrite(payload("github", "opened"), repository="acme/shop", head_sha=SHA, number=7))
    if change:
        change(made["spec"])
    user = "system:serviceaccount:staging-ci:listener"
    return refusals(stack, "tekton-delivery-staging-runs", made, user=user)


def name(spec: Object, secret: str) -> None:
    spec["workspaces"][0]["projected"]["sources"][0]["secret"]["name"] = secret


def test_a_run_that_names_no_key_is_admitted_and_one_that_does_is_not(keys: Declared) -> None:
    """Who holds the listener's token may start runs, and choose no key for them."""
    assert start(keys) == []
    assert start(keys, lambda spec: name(spec, "wiki-key"))
    assert start(keys, lambda spec: spec["params"].append({"name": "git-secret-name", "value": "wiki-key"}))


@pytest.mark.parametrize(
    ("volume", "container", "admitted"),
    [
        ([("shop-ssh-directory", "ssh-privatekey"), ("known-hosts", "known_hosts")], "step-fetch", True),
        ([("wiki-key", "id")], "step-fetch", True),
        ([("wiki-key", "id")], "step-test", False),
        ([("shop-ssh-directory", "ssh-privatekey"), ("mark-signing", "cosign.key")], "step-fetch", False),
        ([("forge-token", "token")], "step-fetch", False),
    ],
)
def test_only_the_step_that_fetches_mounts_one(
    keys: Declared, volume: list[tuple[str, str]], container: str, admitted: bool
) -> None:
    sources = [{"secret": {"name": name, "items": [{"key": key, "path": key}]}} for name, key in volume]
    pod = untrusted(container, {"projected": {"sources": sources}})
    found = [
        text for text in refusals(keys, "tekton-delivery-staging-pods", {"spec": pod}) if "mount" in text or "get" in text
    ]
    assert (found == []) is admitted


def test_a_token_beside_a_key_is_refused(keys: Declared) -> None:
    """What makes a projected volume harmless is that it has Secrets alone."""
    key = {"secret": {"name": "wiki-key", "items": [{"key": "id", "path": "id"}]}}
    token = {"serviceAccountToken": {"path": "token"}}
    pod = untrusted("step-fetch", {"projected": {"sources": [key, token]}})
    assert [text for text in refusals(keys, "tekton-delivery-staging-pods", {"spec": pod}) if "token" in text]


def untrusted(container: str, source: Object) -> Object:
    return {
        "serviceAccountName": "untrusted",
        "hostUsers": False,
        "automountServiceAccountToken": False,
        "containers": [{"name": container, "volumeMounts": [{"name": "held", "mountPath": "/credentials"}]}],
        "volumes": [{"name": "held"} | source],
    }


def test_tokens_of_single_repositories_are_told_too() -> None:
    forge = {"ssh": None, "https": {"token": held("git", "token"), "tokens": {"acme/shop": {"file": "secrets/shop"}}}}
    stack = declared(forge, application("shop"), application("blog"))
    assert fetched_by(stack, "shop") == {"shop-basic-auth"}
    assert fetched_by(stack, "blog") == {"git"}
    assert set(stack.one("Secret", "shop-basic-auth", NAMESPACE)["stringData"]) == {"token"}
    assert "basic-auth" not in stack.names("Secret")
    (fetch,) = (step for step in stack.one("Task", "build", NAMESPACE)["spec"]["steps"] if step["name"] == "fetch")
    variables = {item["name"]: item.get("value", "") for item in fetch["env"]}
    assert variables["GIT_CONFIG_KEY_1"] == "credential.https://github.com.helper", "no other host is told"


EVERY = {
    "forge": {
        "ssh": {"privateKey": held("fetch", "ssh-privatekey"), "knownHosts": held("fetch", "known_hosts")},
        "token": held("statuses", "token"),
        "okToTest": {"token": held("reader", "token")},
    },
    "registry": {
        "host": "registry.example",
        "read": {"secret": {"name": "pulls"}},
        "write": {"secret": {"name": "pushes"}},
        "delete": {"secret": {"name": "deletes"}},
    },
    "mark": {
        "privateKey": held("cosign", "cosign.key"),
        "password": held("cosign", "cosign.password"),
        "publicKey": {"file": "mark.pub"},
    },
}
QUARANTINE = {
    "host": "quarantine.example",
    "read": {"secret": {"name": "pushes"}},
    "write": {"secret": {"name": "builds"}},
    "delete": {"secret": {"name": "deletes"}},
}


@pytest.fixture(scope="module")
def elsewhere() -> Declared:
    """A stack none of whose credentials it declares."""
    npm = {"npm": held("npm", "token"), "pip": held("pip", "token")}
    build = shipped_config("staging")["build"] | {"quarantine": QUARANTINE, "internet": True}
    return record_config(
        shipped_config("staging")
        | EVERY
        | {"environments": ENVIRONMENTS, "build": build, "applications": [application("shop", buildSecrets=npm)]}
    )


HELD = {"fetch", "statuses", "reader", "pulls", "pushes", "deletes", "builds", "cosign", "npm", "pip"}


def test_of_secrets_on_the_cluster_none_is_declared(elsewhere: Declared) -> None:
    names = {item["metadata"]["name"] for item in elsewhere.all("Secret")}
    assert {name for name in names if not name.startswith("webhook-secret")} == set()


def test_the_policy_pack_has_nothing_against_them(elsewhere: Declared, keys: Declared) -> None:
    found = [*violations(elsewhere.recording), *violations(keys.recording)]
    assert [f"{each.policy}: {each.message}" for each in found] == []


def test_every_step_mounts_them_instead(elsewhere: Declared) -> None:
    reached = {row.reaches.rpartition("/")[2] for row in rows(elsewhere.objects) if row.reaches.startswith("secret ")}
    assert reached >= HELD
    assert not [name for name in reached if name.endswith(("-push", "-pull", "-token", "-signing", "-directory"))]
    assert [line for line in problems(elsewhere, HELD) if not line.startswith("pipelines: ")] == []


def test_files_are_called_as_the_steps_look_for_them(elsewhere: Declared) -> None:
    volumes = {item["name"]: item for item in elsewhere.one("Task", "stage", NAMESPACE)["spec"]["volumes"]}
    assert volumes["registry-push"]["secret"] == {
        "secretName": "pushes",
        "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
    }
    assert volumes["mark-signing"]["secret"] == {
        "secretName": "cosign",
        "items": [{"key": "cosign.key", "path": "cosign.key"}, {"key": "cosign.password", "path": "password"}],
    }


def test_images_are_pulled_by_it_in_both_namespaces(elsewhere: Declared) -> None:
    pulling = {
        (item["metadata"]["namespace"], secret["name"])
        for item in elsewhere.all("ServiceAccount")
        for secret in item.get("imagePullSecrets", [])
    }
    assert {("staging", "pulls"), (NAMESPACE, "pulls")} <= pulling
    assert {name for _, name in pulling} == {"pulls"}


def test_pull_request_code_reaches_no_more_than_before(elsewhere: Declared) -> None:
    reached = {row.reaches for row in rows(elsewhere.objects) if row.runs == "pull-request code"}
    assert {name for name in HELD if f"secret {NAMESPACE}/{name}" in reached} == {"builds", "npm", "pip"}


def test_an_application_gets_none_of_them() -> None:
    config = shipped_config("staging") | {"registry": EVERY["registry"]}
    config["registry"] = {"host": "registry.example", "read": {"secret": {"name": "pulls"}}} | {
        "write": shipped_config("staging")["registry"]["write"]
    }
    config["applications"] = [
        application("shop", env={"STOLEN": {"secretKeyRef": {"name": "pulls", "key": ".dockerconfigjson"}}})
    ]
    config["environments"] = [{"name": "staging", "deliverOn": "pull-request"}]
    with pytest.raises(SettingsError, match="that by which images are pulled"):
        record_config(config)


@pytest.mark.parametrize(
    ("given", "refused"),
    [([], "is no Secret that the stack file gives to this file"), (["npm"], "")],
)
@pytest.mark.parametrize(
    "named", [{"buildSecrets": {"npm": held("npm", "token")}}, {"quarantine": {"secret": {"name": "npm"}}}]
)
def test_a_file_of_a_teams_names_what_it_was_given(
    given: list[str], refused: str, named: Object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever writes it could have a build read any Secret of the delivery namespace otherwise."""
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "shop.yaml").write_text(yaml.safe_dump(application("shop", **named)))
    monkeypatch.chdir(tmp_path)
    config = shipped_config("staging") | {
        "applications": [{"file": "teams/shop.yaml", "repositories": ["acme/*"], "secrets": given}]
    }
    config["environments"] = [{"name": "staging", "deliverOn": "pull-request"}]
    if refused:
        with pytest.raises(SettingsError, match=refused):
            record_config(config)
    else:
        assert record_config(config).names("Task")
