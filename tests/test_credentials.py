"""Secrets of an environment: what its pods need, in the form that their readers expect, and no more."""

import base64
import json

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.credential import (
    FORGE_TOKEN,
    MARK_SIGNING,
    QUARANTINE_PUSH,
    REGISTRY_PULL,
    REGISTRY_PUSH,
    SSH_DIRECTORY,
    Credential,
)
from components.credentials import Credentials, CredentialsArgs, Held, RegistryLogin, docker_config, git_credentials
from tests.support import Declared, declare, secret


def login(username: str) -> tuple[RegistryLogin, ...]:
    return (RegistryLogin(host="registry.example", username=username, password=secret("password")),)


def credentials(*, registries: bool = True, signs: bool = True) -> Declared:
    def program() -> None:
        held: dict[Credential, Held] = {
            FORGE_TOKEN: {"token": secret("token")},
            SSH_DIRECTORY: {"ssh-privatekey": secret("key"), "known_hosts": secret("hosts")},
        }
        if registries:
            users = {REGISTRY_PULL: "puller", REGISTRY_PUSH: "deployer", QUARANTINE_PUSH: "untrusted"}
            held |= {credential: login(user) for credential, user in users.items()}
        if signs:
            held[MARK_SIGNING] = {"cosign.key": secret("key"), "password": secret("password")}
        args = CredentialsArgs(
            environment="staging", workload_namespace="staging", delivery_namespace="staging-ci", held=held
        )
        Credentials("credentials", args)

    return declare(program)


def places(declared: Declared) -> set[tuple[str, str]]:
    return {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in declared.all("Secret")}


def test_an_environment_that_only_promotes_writes_nowhere_and_signs_nothing() -> None:
    assert places(credentials(registries=False, signs=False)) == {
        ("staging-ci", "forge-token"),
        ("staging-ci", "ssh-directory"),
    }


def test_the_credential_to_pull_is_in_both_namespaces_and_no_other_is() -> None:
    assert places(credentials()) == {
        ("staging", "registry-pull"),
        ("staging-ci", "registry-pull"),
        ("staging-ci", "registry-push"),
        ("staging-ci", "quarantine-push"),
        ("staging-ci", "ssh-directory"),
        ("staging-ci", "forge-token"),
        ("staging-ci", "mark-signing"),
    }


@pytest.mark.parametrize(
    ("name", "kind", "keys"),
    [
        ("ssh-directory", "kubernetes.io/ssh-auth", {"ssh-privatekey", "known_hosts"}),
        ("registry-push", "kubernetes.io/dockerconfigjson", {".dockerconfigjson"}),
        ("forge-token", "Opaque", {"token"}),
    ],
)
def test_each_secret_has_the_type_and_keys_that_kubernetes_checks(name: str, kind: str, keys: set[str]) -> None:
    found = credentials().one("Secret", name)
    assert found["type"] == kind
    assert found["stringData"].keys() == keys


def test_a_docker_configuration_names_each_host_with_its_user() -> None:
    """Shown in a ConfigMap with passwords that are not marked secret; the real ones never leave their Secret."""

    def program() -> None:
        logins = tuple(
            RegistryLogin(host=host, username=user, password=pulumi.Output.from_input(password))
            for host, user, password in [
                ("registry.example", "deployer", "pass:word\n"),
                ("quarantine.example:5001", "reader", 'quo"te'),
            ]
        )
        k8s.core.v1.ConfigMap("shown", metadata={"name": "shown"}, data={"config": docker_config(logins)})

    config = json.loads(declare(program).one("ConfigMap")["data"]["config"])
    decoded = {host: base64.b64decode(entry["auth"]).decode() for host, entry in config["auths"].items()}
    assert decoded == {"registry.example": "deployer:pass:word", "quarantine.example:5001": 'reader:quo"te'}


def test_a_token_is_quoted_as_git_reads_it() -> None:
    def program() -> None:
        line = git_credentials("https://forge.example:8443/git", "bot", pulumi.Output.from_input("a/b@c:d%e\n"))
        k8s.core.v1.ConfigMap("shown", metadata={"name": "shown"}, data={"line": line})

    line = declare(program).one("ConfigMap")["data"]["line"]
    assert line == "https://bot:a%2Fb%40c%3Ad%25e@forge.example:8443\n"
