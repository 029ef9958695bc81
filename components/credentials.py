"""The secrets of an environment's delivery namespace, and the pull credential of its workload namespace."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.conventions import (
    BASIC_AUTH,
    FORGE_APP,
    FORGE_READER,
    FORGE_TOKEN,
    MARK_SIGNING,
    QUARANTINE_PUSH,
    REGISTRY_DELETE,
    REGISTRY_PULL,
    REGISTRY_PUSH,
    SOURCE_PULL,
    SSH_DIRECTORY,
    build_secrets,
    labels,
    quarantine_push,
    token,
)


@dataclass(frozen=True, kw_only=True)
class RegistryLogin:
    """A user of a registry; `password` is secret."""

    host: str
    username: str
    password: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class SshKey:
    """A read-only deploy key and the host keys that git may trust."""

    private_key: pulumi.Output[str]
    known_hosts: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class HttpsToken:
    """What git fetches with at a forge's URL."""

    url: str
    username: str
    token: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A cosign private key and the password that opens it."""

    private_key: pulumi.Output[str]
    password: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class CredentialsArgs:
    """What an environment's pods need, and no more: one that only promotes writes to no registry and signs nothing."""

    environment: str
    workload_namespace: pulumi.Input[str]
    delivery_namespace: pulumi.Input[str]
    forge_token: pulumi.Output[str] | None = None
    """Writes commit statuses; None where a GitHub App does."""
    forge_app: pulumi.Output[str] | None = None
    """A private key of that App."""
    forge_reader: pulumi.Output[str] | None = None
    """Tells who may write; None where forks start nothing, or the App tells."""
    git: SshKey | HttpsToken | None
    """Fetches commits; None where the repositories are public."""
    pull: tuple[RegistryLogin, ...]
    push: tuple[RegistryLogin, ...] | None = None
    """Writes images; None where nobody does, and empty for a registry that lets everybody."""
    delete: tuple[RegistryLogin, ...] = ()
    """Deletes what rejected pull requests left."""
    source: tuple[RegistryLogin, ...] = ()
    """Reads where the environment before this one keeps its images."""
    quarantine: tuple[RegistryLogin, ...] | None = None
    """Writes from pull-request code; None where none runs, and empty for a registry that lets everybody."""
    quarantine_of: Mapping[str, tuple[RegistryLogin, ...]] = field(default_factory=dict)
    """The same, of applications with a user of their own."""
    mark: SigningKey | None = None
    build: Mapping[str, Mapping[str, pulumi.Output[str]]] = field(default_factory=dict)
    """What tests and builds read, by application and file name."""


class Credentials(pulumi.ComponentResource):
    """Secrets with fixed names, which Tasks and service accounts refer to."""

    def __init__(self, name: str, args: CredentialsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Credentials"), name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        def secret(role: str, namespace: pulumi.Input[str], kind: str, data: Mapping[str, pulumi.Input[str]]) -> None:
            """Declare one Secret in a namespace of this environment."""
            k8s.core.v1.Secret(
                f"{name}-{role}",
                metadata={
                    "name": role.removeprefix("workload-"),
                    "namespace": namespace,
                    "labels": labels(environment=args.environment),
                },
                type=kind,
                string_data=data,
                opts=child,
            )

        def docker(role: str, namespace: pulumi.Input[str], logins: tuple[RegistryLogin, ...] | None) -> None:
            """Declare a registry credential. Without a login it is empty, for clients that want the file."""
            if logins is not None:
                secret(role, namespace, "kubernetes.io/dockerconfigjson", {".dockerconfigjson": docker_config(logins)})

        if args.forge_token:
            secret(FORGE_TOKEN, args.delivery_namespace, "Opaque", {"token": args.forge_token})
        if args.forge_app:
            secret(FORGE_APP, args.delivery_namespace, "Opaque", {"private-key": args.forge_app})
        if args.forge_reader:
            secret(FORGE_READER, args.delivery_namespace, "Opaque", {"token": args.forge_reader})
        docker(REGISTRY_PULL, args.delivery_namespace, args.pull or None)
        docker(f"workload-{REGISTRY_PULL}", args.workload_namespace, args.pull or None)
        docker(REGISTRY_PUSH, args.delivery_namespace, args.push)
        docker(REGISTRY_DELETE, args.delivery_namespace, args.delete or None)
        docker(SOURCE_PULL, args.delivery_namespace, args.source or None)
        docker(QUARANTINE_PUSH, args.delivery_namespace, args.quarantine)
        for application, logins in args.quarantine_of.items():
            docker(quarantine_push(application), args.delivery_namespace, logins)
        match args.git:
            case SshKey(private_key=private_key, known_hosts=known_hosts):
                data = {"ssh-privatekey": private_key, "known_hosts": known_hosts}
                secret(SSH_DIRECTORY, args.delivery_namespace, "kubernetes.io/ssh-auth", data)
            case HttpsToken():
                secret(BASIC_AUTH, args.delivery_namespace, "Opaque", {".git-credentials": git_credentials(args.git)})
        for application, files in args.build.items():
            secret(build_secrets(application), args.delivery_namespace, "Opaque", files)
        if args.mark:
            secret(
                MARK_SIGNING,
                args.delivery_namespace,
                "Opaque",
                {"cosign.key": args.mark.private_key, "password": args.mark.password},
            )
        self.register_outputs({})


def docker_config(logins: tuple[RegistryLogin, ...]) -> pulumi.Output[str]:
    """Return a docker `config.json` for the given logins; secret, since their passwords are."""

    def render(passwords: list[str]) -> str:
        auths = {}
        for login, password in zip(logins, passwords, strict=True):
            pair = f"{login.username}:{password.strip()}"
            auths[login.host] = {"auth": base64.b64encode(pair.encode()).decode()}
        return json.dumps({"auths": auths})

    return pulumi.Output.all(*(login.password for login in logins)).apply(render)


def git_credentials(login: HttpsToken) -> pulumi.Output[str]:
    """Return a line of git's `store` credential helper; secret, since the token is."""
    forge = urlsplit(login.url)
    return login.token.apply(
        lambda token: f"{forge.scheme}://{login.username}:{quote(token.strip(), safe='')}@{forge.netloc}\n"
    )
