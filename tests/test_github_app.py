"""A GitHub App instead of a token: where its key is, what steps may ask for by it, and what its key has to look like."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.credential import FORGE_APP
from components.settings.contents import app_key
from components.settings.errors import SettingsError
from components.settings.stack import Stack
from components.tasks.forge import LEVELS, app_rights
from offline.reachability.pods import UNTRUSTED
from offline.reachability.rows import rows
from offline.run import placeholder, run, stack_config
from tests.support import ROOT, Declared, Object, both_environments, record_config, shipped_config
from tests.test_network import policies

READER = {"file": "secrets/forge-reader-token"}
APP = {"id": "Iv23liAbCdEf", "installationId": 12345678, "privateKey": {"file": "secrets/forge-app.pem"}}


def by_app(**ok_to_test: Any) -> Declared:
    """One stack with both shipped environments, on GitHub and with an App."""
    staging, production = shipped_config("staging"), shipped_config("production")
    forge = {"ssh": staging["forge"]["ssh"], "app": APP, "okToTest": ok_to_test}
    return record_config(
        staging
        | {
            "environments": [*staging["environments"], *production["environments"]],
            "mark": staging["mark"] | production["mark"],
            "forge": forge,
        }
    )


def given(stack: Declared) -> dict[tuple[str, str, str], tuple[str, dict[str, str]]]:
    """Namespace, Task and step to the App's Secret's volume and variables, for each step that mounts its key."""
    found = {}
    for task in stack.all("Task"):
        for step in task["spec"]["steps"]:
            held = [mount["name"] for mount in step.get("volumeMounts", []) if mount["mountPath"] == "/credentials/forge"]
            if held:
                variables = {item["name"]: item.get("value", "") for item in step["env"]}
                found[task["metadata"]["namespace"], task["metadata"]["name"], step["name"]] = held[0], variables
    return found


def rights(stack: Declared) -> dict[tuple[str, str, str], dict[str, str]]:
    return {
        where: json.loads(variables["APP_RIGHTS"])
        for where, (secret, variables) in given(stack).items()
        if secret == FORGE_APP.secret
    }


STATUSES = {"statuses": "write"}
SAYING = {
    ("staging-ci", "begin", "begin"): STATUSES | {"pull_requests": "read"},
    ("staging-ci", "supersede", "supersede"): {"pull_requests": "read"},
    ("staging-ci", "report", "report"): STATUSES,
    ("staging-ci", "report-tests", "report"): STATUSES,
    ("production-ci", "report", "report"): STATUSES | {"pull_requests": "read"},
    ("staging-ci", "base-moved", "moved"): STATUSES | {"pull_requests": "read"},
    ("staging-ci", "clean", "clean"): {"pull_requests": "read"},
}
ASKING = {("staging-ci", "permit", "permit"): {"metadata": "read", "pull_requests": "read"}}


def test_each_step_asks_for_the_rights_that_it_uses() -> None:
    assert rights(by_app()) == SAYING | ASKING


def test_a_reader_of_its_own_keeps_the_key_out_of_the_pod_that_strangers_start() -> None:
    stack = by_app(token=READER)
    assert rights(stack) == SAYING
    secret, variables = given(stack)["staging-ci", "permit", "permit"]
    assert (secret, variables["TOKEN_FILE"]) == ("forge-reader", "/credentials/forge/token")


def test_steps_know_the_app_and_find_its_key() -> None:
    for secret, variables in given(by_app()).values():
        assert secret == FORGE_APP.secret
        assert "TOKEN_FILE" not in variables
        assert (variables["APP_ID"], variables["APP_INSTALLATION"]) == ("Iv23liAbCdEf", "12345678")
        assert variables["APP_INSTALLATIONS"] == ""
        assert variables["APP_KEY_FILE"] == "/credentials/forge/private-key"


def test_the_key_is_one_secret_of_each_environment_and_no_token_is_left() -> None:
    stack = by_app()
    found = {
        item["metadata"]["namespace"]: item for item in stack.all("Secret") if item["metadata"]["name"] == FORGE_APP.secret
    }
    assert {namespace: set(item["stringData"]) for namespace, item in found.items()} == {
        "staging-ci": {"private-key"},
        "production-ci": {"private-key"},
    }
    assert not {"forge-token", "forge-reader"} & set(stack.names("Secret"))


def test_the_same_pods_hold_the_key_that_held_the_tokens() -> None:
    """By what they reach: of untrusted pods none, and no trigger more than before."""
    tokens = {f"secret staging-ci/{name}" for name in ("forge-token", "forge-reader")} | {"secret production-ci/forge-token"}
    keys = {f"secret {namespace}/{FORGE_APP.secret}" for namespace in ("staging-ci", "production-ci")}

    def holders(stack: Declared, names: set[str]) -> set[tuple[str, str, str]]:
        return {(row.cause, row.runs, row.namespace) for row in rows(stack.objects) if row.reaches in names}

    assert holders(by_app(), keys) == holders(both_environments("github"), tokens)
    assert UNTRUSTED not in {runs for _, runs, _ in holders(by_app(), keys)}


def test_the_network_opens_the_same() -> None:
    for namespace in ("staging-ci", "production-ci"):
        assert policies(by_app(), namespace)["runs-to-forge-api"] == github_policies(namespace)["runs-to-forge-api"]


def github_policies(namespace: str) -> dict[str, Object]:
    """With tokens, and GitHub's API at its own address."""
    staging, production = shipped_config("staging"), shipped_config("production")
    forge = {"ssh": staging["forge"]["ssh"], "token": READER, "okToTest": {"token": READER}}
    environments = [*staging["environments"], *production["environments"]]
    mark = staging["mark"] | production["mark"]
    return policies(record_config(staging | {"environments": environments, "mark": mark, "forge": forge}), namespace)


# --- what the App has to be granted ---

# What GitHub calls these permissions where they are chosen.
CALLED = {
    "Commit statuses": "statuses",
    "Pull requests": "pull_requests",
    "Contents": "contents",
    "Deployments": "deployments",
    "Metadata": "metadata",
}
SAID = {"read": "read", "read and write": "write"}


def asked_for(stack: Declared) -> dict[str, str]:
    """The highest level of each permission that any token is asked for, by steps or by the minter."""
    pods = [item["spec"] for item in stack.all("Task")]
    pods += [item["spec"]["template"]["spec"] for item in stack.all("Deployment")]
    pods += [item["spec"]["jobTemplate"]["spec"]["template"]["spec"] for item in stack.all("CronJob")]
    found: dict[str, str] = {}
    for container in [each for pod in pods for each in (*pod.get("steps", []), *pod.get("containers", []))]:
        for entry in container.get("env", []):
            if entry["name"].endswith("_RIGHTS") and entry.get("value"):
                for name, level in json.loads(entry["value"]).items():
                    found[name] = max(found.get(name, "read"), level, key=LEVELS.index)
    return found


@pytest.mark.parametrize("comment", [True, False])
@pytest.mark.parametrize("deployments", [True, False])
@pytest.mark.parametrize("ok_to_test", [None, {}, {"token": READER}])
@pytest.mark.parametrize("fetches", [True, False])
def test_the_table_is_what_tokens_are_asked_for(
    comment: bool, deployments: bool, ok_to_test: dict[str, Any] | None, fetches: bool
) -> None:
    """What `doctor` and `init` want of an App is neither less nor more than what steps and the minter do."""
    config = shipped_config("staging")
    forge: dict[str, Any] = {"app": APP, "comment": comment, "deployments": deployments}
    forge["addresses"] = ["10.20.0.0/24"]
    forge |= {} if fetches else {"ssh": config["forge"]["ssh"]}
    forge |= {} if ok_to_test is None else {"okToTest": ok_to_test}
    wanted = app_rights(comments=comment, deployments=deployments, asks_who_may=ok_to_test == {}, fetches=fetches)
    assert asked_for(record_config(config | {"forge": forge})) == wanted


def test_the_document_names_them() -> None:
    text = (ROOT / "docs" / "real-clusters.md").read_text().partition("## A GitHub App instead of a token")[2]
    rows = re.findall(r"^ *\| ([A-Z][\w ]+): (read(?: and write)?) \| (.*) \|$", text, re.M)
    named = {CALLED[label]: SAID[level] for label, level, _ in rows}
    assert named == app_rights(comments=True, deployments=True, asks_who_may=True, fetches=True)
    why = {CALLED[label]: reason for label, _, reason in rows}
    least = app_rights(comments=False, deployments=False, asks_who_may=False, fetches=False)
    assert {name for name, reason in why.items() if reason.startswith("every stack")} == set(least)
    for name, setting in {
        "pull_requests": "comment: false",
        "deployments": "forge.deployments",
        "metadata": "okToTest",
    }.items():
        assert setting in why[name]


# --- the key ---


def generated(folder: Path, *options: str) -> str:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", folder / "key", *options], check=True)
    return (folder / "key").read_text()


@pytest.mark.parametrize("form", ["PEM", "PKCS8"])
@pytest.mark.parametrize("bits", ["1024", "2048"])
def test_rsa_keys_are_taken_in_the_forms_that_openssl_reads(tmp_path: Path, form: str, bits: str) -> None:
    key = generated(tmp_path, "-t", "rsa", "-b", bits, "-m", form)
    assert app_key(key) == app_key("\n" + key.strip()) == ""
    assert "damaged" in app_key(key[:100] + key[164:])
    assert "damaged" in app_key(key[:100] + "=" + key[101:])


@pytest.mark.parametrize(
    "options",
    [("-t", "ed25519"), ("-t", "rsa", "-b", "1024"), ("-t", "ecdsa", "-m", "PEM"), ("-t", "ecdsa", "-m", "PKCS8")],
    ids=["ed25519", "openssh", "ecdsa", "ecdsa-pkcs8"],
)
def test_other_keys_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert "no RSA private key" in app_key(generated(tmp_path, *options))


@pytest.mark.parametrize("text", ["hunter2", "-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN PUBLIC KEY-----\nabc\n"])
def test_what_is_no_key_is_refused(text: str) -> None:
    assert "no RSA private key" in app_key(text)


@pytest.mark.parametrize("form", ["PEM", "PKCS8"])
def test_a_key_with_a_passphrase_is_refused(tmp_path: Path, form: str) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-N", "hush-hush", "-t", "rsa", "-b", "1024", "-m", form, "-f", tmp_path / "key"], check=True
    )
    assert "passphrase" in app_key((tmp_path / "key").read_text())


def test_a_stack_whose_app_has_another_key_is_refused_and_the_key_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key = generated(tmp_path, "-t", "ed25519")
    config = stack_config(ROOT / "tests" / "settings" / "valid.yaml")
    forge = json.loads(config["tekton-delivery:forge"])
    del forge["token"]
    config["tekton-delivery:forge"] = json.dumps(forge | {"app": APP})
    for path in ("id_ed25519", "known_hosts", "forge-app.pem", "mark.key", "mark-password"):
        (tmp_path / "secrets" / path).parent.mkdir(exist_ok=True)
        (tmp_path / "secrets" / path).write_text(key)
    (tmp_path / "mark.pub").write_text(key)
    (tmp_path / ".local" / "images").mkdir(parents=True)
    for path in (".local/images/tools", ".local/images/builder"):
        (tmp_path / path).write_text(placeholder(path))
    with pytest.raises(SettingsError) as caught:
        run(lambda: (Stack.load(), None)[1], config=config)
    (line,) = [line for line in str(caught.value).splitlines() if "forge.app" in line]
    assert line == (
        '  tekton-delivery:forge.app.privateKey.file = "secrets/forge-app.pem": holds no RSA private key '
        "(`-----BEGIN RSA PRIVATE KEY-----`); generate one on the App's page on GitHub"
    )
    assert key.splitlines()[1] not in str(caught.value)
