"""The stack file: written once, from one template; afterwards it is its owner's, and only read."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from components.conventions import PROJECT
from offline.render import refusal, refusal_of
from operate.errors import OperateError
from operate.init.dumper import Dumper
from operate.init.sources import Source

Named = Callable[[str], Source]
# Names of sources.
DEPLOY_KEY, HOST_KEYS, TOKEN, APP_KEY = "deployKey", "knownHosts", "forgeToken", "forgeAppKey"
REGISTRY, QUARANTINE = "registryPassword", "quarantinePassword"
MARK_KEY, MARK_PASSWORD, MARK_PUBLIC = "markKey", "markPassword", "markPublicKey"
PUBLIC = {HOST_KEYS, MARK_PUBLIC}

# What stands above each key; docs/settings.md says the rest.
COMMENTS = {
    "cluster": "Which cluster. `apiServerAddresses` would bound where pods reach its API server (docs/real-clusters.md).",
    "forge": "The deploy key only reads; `python -m operate init {stack} --rotate deploy-key` makes another.",
    "forge by app": "Steps get tokens of an hour of the App, each with the rights that it needs; so are commits fetched.",
    "registry": "What is delivered. Rights of its users: docs/real-clusters.md.",
    "build": "What pull-request code may push to, and reach. `seccompProfile` lies on each node, as images/seccomp has it.",
    "mark": "The key pair by which the first environment vouches for what it ran.",
    "toolsImage": "From `python -m images`, as is `builderImage`.",
    "listener": "One webhook for all repositories. Without `exposure` only the cluster reaches it.",
    "environments": "Where it runs, in the order of promotion.",
    "applications": "What becomes an image: `healthPath`, `port`, `testCommand` and more are in docs/settings.md.",
}


@dataclass(frozen=True)
class Wanted:
    """What a new stack file says."""

    stack: str
    kind: str
    api_url: str
    ssh_url: str
    repositories: Mapping[str, str]
    """Each with its base branch."""
    app: str | None
    """A GitHub App's ID."""
    key_each: bool
    """Whether each repository needs a deploy key of its own, as on GitHub."""
    kubeconfig: str
    context: str
    registry: str
    registry_user: str
    quarantine: str
    quarantine_user: str
    insecure: bool
    tools_image: str
    builder_image: str
    environments: tuple[str, ...]
    exposure: tuple[str, str] | None
    """Host and IngressClass of the listener."""
    installations: Mapping[str, int] = field(default_factory=dict)
    """Where that App is installed for each repository."""

    def settings(self, named: Named) -> dict[str, Any]:
        """Return the settings by key; `named` says where a secret of a name lies."""
        forge: dict[str, Any] = {"kind": self.kind, "apiUrl": self.api_url}
        if self.app:
            forge["app"] = {"id": self.app, **self._installed(), "privateKey": named(APP_KEY)}
        else:
            forge |= {"ssh": self._ssh(named), "token": named(TOKEN)}
        mark = {"privateKey": named(MARK_KEY), "password": named(MARK_PASSWORD)}
        promoted = [
            {"name": name, "deliverOn": "merge", "promotesFrom": source}
            for source, name in zip(self.environments, self.environments[1:], strict=False)
        ]
        listener: dict[str, Any] = {"name": listener_name(self.stack)}
        if self.exposure:
            listener["exposure"] = {"host": self.exposure[0], "ingress": {"className": self.exposure[1]}}
        return {
            "cluster": {"kubeconfig": self.kubeconfig, "context": self.context},
            "forge": forge,
            "registry": self._registry(self.registry, self.registry_user, named(REGISTRY)),
            "build": {
                "quarantine": self._registry(self.quarantine, self.quarantine_user, named(QUARANTINE)),
                "builderImage": self.builder_image,
                "internet": True,
                "seccompProfile": "tekton-delivery/image-build.json",
            },
            "mark": mark | ({"publicKey": named(MARK_PUBLIC)} if promoted else {}),
            "toolsImage": self.tools_image,
            "listener": listener,
            "environments": [{"name": self.environments[0], "deliverOn": "pull-request"}, *promoted],
            "applications": [
                {"name": _name(repository), "repository": repository, "baseBranch": branch}
                for repository, branch in self.repositories.items()
            ],
        }

    def _ssh(self, named: Named) -> dict[str, Any]:
        """Return how commits are fetched by deploy keys."""
        ssh: dict[str, Any] = {"url": self.ssh_url}
        if self.key_each and len(self.repositories) > 1:
            ssh["deployKeys"] = {each: named(deploy_key_of(each)) for each in self.repositories}
        else:
            ssh["privateKey"] = named(DEPLOY_KEY)
        return ssh | {"knownHosts": named(HOST_KEYS)}

    def _installed(self) -> dict[str, Any]:
        """Return where the App is installed: for the first repository's owner, and for others."""
        owners = {repository.partition("/")[0]: number for repository, number in self.installations.items()}
        (_, first), *others = owners.items()
        return {"installationId": first, **({"installations": dict(others)} if others else {})}

    def _registry(self, place: str, user: str, password: Source) -> dict[str, Any]:
        host, _, path = place.partition("/")
        login = {"username": user, "password": password}
        insecure = {"insecure": True} if self.insecure else {}
        return {"host": host, **({"path": path} if path else {}), **insecure, "read": login, "write": login}

    def text(self, named: Named) -> str:
        """Return the file."""
        lines = ["# yaml-language-server: $schema=docs/settings.schema.json", "config:"]
        lines.append("  pulumi:disable-default-providers: [kubernetes]")
        for key, value in self.settings(named).items():
            comment = COMMENTS["forge by app" if key == "forge" and self.app else key]
            lines.append(f"  # {comment.format(stack=self.stack)}")
            written = yaml.dump({f"{PROJECT}:{key}": value}, Dumper=Dumper, sort_keys=False, width=120)
            lines += [f"  {line}" for line in written.splitlines()]
        return "\n".join(lines) + "\n"

    def check(self, values: Mapping[str, str]) -> None:
        """Have the program's own settings read it, with what its sources are going to hold. Raises OperateError."""
        config = {f"{PROJECT}:{name}": value for name, value in values.items()}
        secrets = tuple(config)
        settings = self.settings(lambda name: {"config": name})
        config |= {f"{PROJECT}:{key}": _config(value) for key, value in settings.items()}
        if reason := refusal_of(self.stack, config, secrets):
            raise OperateError(reason)


def deploy_key_of(repository: str) -> str:
    """Return the name of the deploy key that a repository has of its own."""
    # No owner's name on GitHub has a dot: with `-` acme/shop-web and acme-shop/web would be one.
    return f"{DEPLOY_KEY}-{repository.replace('/', '.')}"


def listener_name(stack: str) -> str:
    """Return what a stack's listener is called: a label of at most 40 characters."""
    plain = re.sub("[^a-z0-9]+", "-", stack.lower()).strip("-")
    return f"{plain if plain[:1].isalpha() else f'stack-{plain}'.strip('-')}"[:30].rstrip("-") + "-github-el"


def _name(repository: str) -> str:
    return re.sub("[^a-z0-9]+", "-", repository.partition("/")[2].lower()).strip("-")


def _config(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Existing:
    """A stack file that is there."""

    stack: str
    settings: Mapping[str, Any]
    """By key, without the project's name."""

    @property
    def forge(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.settings["forge"]
        return found

    @property
    def kind(self) -> str:
        return str(self.forge.get("kind", "github"))

    @property
    def api_url(self) -> str:
        return str(self.forge.get("apiUrl", "https://api.github.com"))

    @property
    def ssh_url(self) -> str:
        return str((self.forge.get("ssh") or {}).get("url", "ssh://git@github.com"))

    @property
    def fetches_by_app(self) -> bool:
        """Whether commits are fetched by tokens of the App."""
        return not {"ssh", "https"} & self.forge.keys()

    @property
    def applications(self) -> list[Mapping[str, Any]]:
        return list(self.settings["applications"])

    @property
    def repositories(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(str(each["repository"]) for each in self.applications))

    @property
    def builds(self) -> bool:
        """Whether an environment delivers pull requests."""
        return any(each.get("deliverOn") == "pull-request" for each in self.settings["environments"])

    def place(self, *keys: str) -> tuple[str, str]:
        """Return where a registry is, host/path, and who pushes there."""
        found: Mapping[str, Any] = self.settings
        for key in keys:
            found = found.get(key) or {}
        path = found.get("path")
        return f"{found.get('host', '')}{f'/{path}' if path else ''}", (found.get("write") or {}).get("username", "")

    @property
    def deploy_keys(self) -> dict[str, Source]:
        """Where the key of each repository is; empty where commits are fetched by HTTPS."""
        ssh = self.forge.get("ssh") or {}
        own = {name.lower(): key for name, key in (ssh.get("deployKeys") or {}).items()}
        found = {name: own.get(name.lower(), ssh.get("privateKey")) for name in self.repositories}
        return {name: source for name, source in found.items() if source and _readable(source)}

    @property
    def encrypted(self) -> bool:
        """Whether Pulumi has stored secrets in it."""
        return any(isinstance(value, dict) and "secure" in value for value in self.settings.values())

    def sources(self) -> Iterator[tuple[str, Source]]:
        """Yield what `init` can make or ask for, by its name, and where this file has it."""
        forge, mark = self.forge, self.settings.get("mark") or {}
        registry = self.settings.get("registry") or {}
        quarantine = (self.settings.get("build") or {}).get("quarantine") or {}
        own = {name.lower() for name in (forge.get("ssh") or {}).get("deployKeys") or {}}
        found = {
            **{deploy_key_of(name) if name.lower() in own else DEPLOY_KEY: key for name, key in self.deploy_keys.items()},
            HOST_KEYS: (forge.get("ssh") or {}).get("knownHosts"),
            TOKEN: forge.get("token"),
            APP_KEY: (forge.get("app") or {}).get("privateKey"),
            REGISTRY: (registry.get("write") or registry.get("read") or {}).get("password"),
            QUARANTINE: (quarantine.get("write") or {}).get("password"),
            MARK_KEY: mark.get("privateKey"),
            MARK_PASSWORD: mark.get("password"),
            MARK_PUBLIC: mark.get("publicKey"),
        }
        yield from ((name, source) for name, source in found.items() if source and _readable(source))


def _readable(source: Source) -> bool:
    """Return whether it is the stack's own; a Secret of the cluster is somebody else's."""
    return bool({"config", "file"} & set(source))


def read(root: Path, stack: str) -> Existing | None:
    """Return a stack's file, None if there is none, or one without settings. Raises OperateError for one that is refused."""
    path = root / f"Pulumi.{stack}.yaml"
    if not path.exists():
        return None
    try:
        document = yaml.safe_load(path.read_text())
    except yaml.YAMLError:
        document = None  # the program says what is wrong
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise OperateError(f"{path.name}: {reason}") from None
    if isinstance(document, dict) and not document.get("config"):
        return None  # as `pulumi stack init` leaves it
    # What a run that ended in the middle has not stored yet.
    if reason := refusal(path, {f"{PROJECT}:{name}": "to come" for name in _named(document)}):
        raise OperateError(reason)
    config = document["config"]
    return of(stack, {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()})


def kept(path: Path) -> str:
    """Return what a file without settings has, as `pulumi stack init` leaves it: what encrypts the stack's values."""
    if not path.exists():
        return ""
    found = {key: value for key, value in yaml.safe_load(path.read_text()).items() if key != "config"}
    return yaml.safe_dump(found) if found else ""


def _named(value: Any) -> Iterator[str]:
    """Yield the keys of the configuration that sources name."""
    if isinstance(value, dict):
        if set(value) == {"config"} and isinstance(value["config"], str):
            yield value["config"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _named(item)


def of(stack: str, settings: Mapping[str, Any]) -> Existing:
    """Return a file with these settings as one that is there."""
    return Existing(stack, settings)
