"""The secrets of an environment's delivery namespace, and the pull credential of its workload namespace."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.conventions import Manifest, labels, token
from components.credential import DOCKER_KEY, LOG_MASKS, LOG_MASKS_KEY, Credential, KeyOfSecret
from components.masks import fingerprints


@dataclass(frozen=True, kw_only=True)
class RegistryLogin:
    """A user of a registry; `password` is secret."""

    host: str
    username: str
    password: pulumi.Output[str]


# What is in a Secret: values by key, or where else they are; of a registry's, its users, and none for a registry that lets
# everybody.
Held = Mapping[str, pulumi.Input[str] | KeyOfSecret] | tuple[RegistryLogin, ...]


@dataclass(frozen=True, kw_only=True)
class CredentialsArgs:
    """What an environment's pods need, and no more: one that only promotes writes to no registry and signs nothing."""

    environment: str
    workload_namespace: pulumi.Input[str]
    delivery_namespace: pulumi.Input[str]
    held: Mapping[Credential, Held]
    """Each credential that somebody mounts here, and what is in it."""
    minted: Credential | None = None
    """The one of them that the minter fills; None where each is known."""
    masked: tuple[pulumi.Output[str], ...] | None = None
    """Secrets that are hidden in what is quoted of logs; None where nothing is quoted."""


class Credentials(pulumi.ComponentResource):
    """Secrets with fixed names, which Tasks and service accounts refer to."""

    def __init__(self, name: str, args: CredentialsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("Credentials"), name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        def declare(role: str, credential: Credential, held: Held, namespace: pulumi.Input[str]) -> None:
            """Declare a credential's Secret in a namespace of this environment, with what is not in another one already."""
            own = {DOCKER_KEY: docker_config(held)} if isinstance(held, tuple) else declared(held)
            minted = credential == args.minted
            if not own and not minted:
                return
            k8s.core.v1.Secret(
                f"{name}-{role}",
                metadata={
                    "name": credential.secret,
                    "namespace": namespace,
                    "labels": labels(environment=args.environment),
                },
                type=credential.kind,
                string_data=own or None,
                # What others write there is neither taken away nor told as drift.
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["data"]) if minted else child,
            )

        for credential, held in args.held.items():
            declare(credential.secret, credential, held, args.delivery_namespace)
            if credential.for_applications:
                declare(f"workload-{credential.secret}", credential, held, args.workload_namespace)
        if args.masked is not None:
            key = random.RandomPassword(f"{name}-{LOG_MASKS.secret}", length=40, special=False, opts=child).result
            made = pulumi.Output.all(key, *args.masked).apply(lambda known: fingerprints(known[1:], known[0]))
            declare(LOG_MASKS.secret, LOG_MASKS, {LOG_MASKS_KEY: made}, args.delivery_namespace)
        self.register_outputs({})


def declared(held: Mapping[str, pulumi.Input[str] | KeyOfSecret]) -> dict[str, pulumi.Input[str]]:
    """Return what a Secret is declared with: all but what another one has."""
    return {file: value for file, value in held.items() if not isinstance(value, KeyOfSecret)}


def volume(credential: Credential, held: Held) -> Manifest:
    """Return a credential's volume, whoever declares the Secrets that are in it."""
    there = {} if isinstance(held, tuple) else {file: at for file, at in held.items() if isinstance(at, KeyOfSecret)}
    if not there or isinstance(held, tuple):
        return credential.volume()
    return credential.drawn(there, list(declared(held)))


def docker_config(logins: tuple[RegistryLogin, ...]) -> pulumi.Output[str]:
    """Return a docker `config.json` for the given logins; secret, since their passwords are."""

    def render(passwords: list[str]) -> str:
        auths = {}
        for login, password in zip(logins, passwords, strict=True):
            pair = f"{login.username}:{password.strip()}"
            auths[login.host] = {"auth": base64.b64encode(pair.encode()).decode()}
        return json.dumps({"auths": auths})

    return pulumi.Output.all(*(login.password for login in logins)).apply(render)


def git_credentials(url: str, username: str, token: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return a line of git's `store` credential helper for a forge's URL; secret, since the token is."""
    forge = urlsplit(url)
    return token.apply(lambda text: f"{forge.scheme}://{username}:{quote(text.strip(), safe='')}@{forge.netloc}\n")
