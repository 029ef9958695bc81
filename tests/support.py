"""What a mock run declared, as tests ask for it."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pulumi
import yaml

from components import sources
from components.conventions import PROJECT
from components.settings.stack import Stack
from offline.render import manifests, program
from offline.run import Recording, Resource, placeholder, run, stack_config
from tests.modules import imported

ROOT = Path(__file__).resolve().parent.parent
# The two that `make up` brings up, and with them the example that holds both environments.
STACKS = ("staging", "production")
STACK_FILES = (*STACKS, "both")
# Beside them, one that uses every setting there is; it is not shipped.
ALL_STACKS = (*STACK_FILES, "everything")
CANARY = "canary-3f9c of "

Object = dict[str, Any]


@dataclasses.dataclass
class Declared:
    """A recording and its Kubernetes objects."""

    recording: Recording

    @cached_property
    def objects(self) -> list[Object]:
        return manifests(self.recording)

    @property
    def resources(self) -> list[Resource]:
        return self.recording.resources

    def all(self, kind: str) -> list[Object]:
        return [item for item in self.objects if item["kind"] == kind]

    def one(self, kind: str, name: str | None = None, namespace: str | None = None) -> Object:
        """The only object of a kind, or the one of that name and namespace."""
        found = [
            item
            for item in self.all(kind)
            if name in (None, item["metadata"]["name"]) and namespace in (None, item["metadata"].get("namespace"))
        ]
        assert len(found) == 1, f"{len(found)} {kind} {name or ''} among {self.names(kind)}"
        return found[0]

    def names(self, kind: str) -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.all(kind))

    def resource(self, kind: str, name: str) -> Resource:
        """The registration behind the only object of that kind and name."""
        (found,) = (
            resource
            for resource in self.resources
            if resource.type.endswith(f":{kind}") and resource.inputs.get("metadata", {}).get("name") == name
        )
        return found


def record_stack(
    name: str,
    *,
    preview: bool = False,
    read: Callable[[str], str] = placeholder,
    config: Mapping[str, str] | None = None,
) -> Declared:
    """Run a shipped stack file, or other settings, under mocks; `read` returns the content of the files that it names."""
    config = stack_config(stack_file(name)) if config is None else config
    return Declared(run(lambda: program()(Stack.load(read=read)), stack=name, config=config, preview=preview))


def record_config(config: Mapping[str, Any]) -> Declared:
    """Run the program with a configuration: values by key, without the project's prefix. What it declared is shared."""
    return _record_text(json.dumps(config))


@cache
def _record_text(text: str) -> Declared:
    config = stack_config_text(json.loads(text))
    return Declared(run(lambda: program()(Stack.load(read=placeholder)), config=config))


def stack_config_text(values: Mapping[str, Any]) -> dict[str, str]:
    """Values by key as the engine passes them."""
    return {f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def source(step: Object) -> str:
    """What a step runs: its script, or its modules in Python."""
    if "script" in step:
        return str(step["script"])
    modules = (f"# steps/{file}\n{sources.data()[file]}" for file in sorted(imported(step["args"][0])))
    return "\n".join([*step["command"], *step["args"], *modules])


def keeping() -> Declared:
    """Staging that keeps what a rejected pull request left."""
    staging = shipped_config("staging")
    return record_config(staging | {"environments": [staging["environments"][0] | {"onReject": "keep"}]})


def both_environments(forge: str = "gitea", *, ok_to_test: bool = True) -> Declared:
    """One stack with the environments of both shipped ones, as where staging and production share a cluster."""
    staging, production = shipped_config("staging"), shipped_config("production")
    changed = {
        "environments": [*staging["environments"], *production["environments"]],
        "mark": staging["mark"] | production["mark"],
        "forge": staging["forge"] | {"kind": forge},
    }
    if not ok_to_test:
        del changed["forge"]["okToTest"]
    return record_config(staging | changed)


def enterprise() -> Declared:
    """The shipped staging with a GitHub Enterprise Server."""
    shipped = shipped_config("staging")
    return record_config(
        shipped | {"forge": shipped["forge"] | {"kind": "github", "apiUrl": "https://git.example.com/api/v3"}}
    )


STAGINGS_REGISTRY = {
    "host": "registry.staging.example",
    "read": {"username": "guest", "password": {"file": "secrets/guest"}},
}
PRODUCTIONS_REGISTRY = {
    "host": "registry.production.example:5000",
    "read": {"username": "puller", "password": {"file": "secrets/puller"}},
    "write": {"username": "promoter", "password": {"file": "secrets/promoter"}},
}


def registries_apart() -> Declared:
    """The shipped production with a registry of its own."""
    return record_config(
        shipped_config("production") | {"registry": PRODUCTIONS_REGISTRY, "sourceRegistry": STAGINGS_REGISTRY}
    )


def over_https(stack: str, *, public: bool = False) -> Declared:
    """A shipped stack that fetches over HTTPS; `public` repositories take no token."""
    config = shipped_config(stack)
    forge = {name: value for name, value in config["forge"].items() if name != "ssh"}
    login = {} if public else {"username": "bot", "token": {"file": "secrets/git-token"}}
    return record_config(config | {"forge": forge | {"https": {"url": "https://git.example:8443/forge"} | login}})


def fetched_by_app_config(*, key: Object | None = None, **more: Any) -> Object:
    """One stack with both shipped environments, three applications of two owners, and a GitHub App for all of it."""
    staging, production = shipped_config("staging"), shipped_config("production")
    app = {
        "id": "Iv23liAbCdEf",
        "installationId": 12345678,
        "privateKey": key or {"file": "secrets/forge-app.pem"},
        "installations": {} if "applications" in more else {"Globex": 23456789},
    }
    applications = [
        {"name": "shop", "repository": "acme/shop", "paths": ["shop"], "dockerfile": "shop/Dockerfile"},
        {"name": "docs", "repository": "acme/shop", "paths": ["docs"], "dockerfile": "docs/Dockerfile"},
        {"name": "till", "repository": "Globex/Till"},
    ]
    environments = [{"name": "staging", "deliverOn": "pull-request"}, {"name": "production", "deliverOn": "merge"}]
    return (
        staging
        | {"environments": environments, "mark": staging["mark"] | production["mark"]}
        | {"forge": {"app": app, "addresses": ["140.82.112.0/20"]}, "applications": applications}
        | more
    )


def fetched_by_app(*, key: Object | None = None, **more: Any) -> Declared:
    """The same, declared."""
    return record_config(fetched_by_app_config(key=key, **more))


def asking() -> Declared:
    """The shipped production, where merges wait for people."""
    config = shipped_config("production")
    (environment,) = config["environments"]
    approval = {"users": ["ana"], "groups": ["releasers"], "count": 2, "timeout": "2h"}
    return record_config(config | {"environments": [environment | {"approval": approval}]})


LONGEST_NAME = "a" * 23
SERVICE_IMAGE = f"registry.example/postgres@sha256:{'5' * 64}"


def with_services() -> Declared:
    """The shipped staging, where one application's tests have a database and a cache beside them, and one has none."""
    staging = shipped_config("staging")
    services = {
        "db": {
            "image": SERVICE_IMAGE,
            "args": ["-c", "fsync=off"],
            "env": {"POSTGRES_HOST_AUTH_METHOD": "trust"},
            "user": 999,
            "writable": ["/var/lib/data", "/run/db"],
            "ready": {"port": 5432, "timeout": "90s"},
            "resources": {"cpu": "500m", "memory": "256Mi"},
        },
        "cache": {"image": {"file": ".local/images/base"}, "command": ["nc", "-l"], "ready": {"port": 80, "path": "/up"}},
        "idle": {"image": {"file": ".local/images/base"}},
    }
    plain = {"name": "shop", "repository": "acme/shop"}
    longest = {"name": LONGEST_NAME, "repository": "acme/long", "services": {"a" * 20: {"image": SERVICE_IMAGE}}}
    return record_config(
        staging
        | {
            "applications": [staging["applications"][0] | {"services": services}, plain, longest],
            "environments": [staging["environments"][0] | {"staleBase": "rebuild"}],
        }
    )


@cache
def existing_workloads() -> Declared:
    """Staging, whose application runs in workloads of somebody else."""
    config = shipped_config("staging")
    (application,) = config["applications"]
    for name in ("port", "healthPath", "resources", "env"):
        application.pop(name, None)
    existing = [
        {"name": "shop-web", "containers": ["web", "cron"]},
        {"kind": "StatefulSet", "name": "shop-mail", "containers": ["app"]},
    ]
    application |= {"existing": existing, "smokeCheck": {"path": "/", "service": "shop-web:8000"}}
    config["environments"][0].pop("nodePorts", None)
    return record_config(config)


def several_applications() -> Declared:
    """The shipped staging with two more applications, one of the longest name that fits beside the environment's."""
    staging = shipped_config("staging")
    build_args = {"ZERO": "0", "BASE": {"file": ".local/images/base"}, "TEXT": "a b=c"}
    more = [
        {"name": "shop", "repository": "acme/shop", "baseBranch": "release", "buildArgs": build_args},
        {"name": LONGEST_NAME, "repository": "acme/long"},
    ]
    return record_config(staging | {"applications": [*staging["applications"], *more]})


def shipped_config(name: str) -> dict[str, Any]:
    """The settings in a shipped stack file, by key without the project's prefix."""
    loaded = json.loads(_stack_file_as_json(name))["config"]
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in loaded.items() if key.startswith(f"{PROJECT}:")}


@cache
def _stack_file_as_json(name: str) -> str:
    return json.dumps(yaml.safe_load(stack_file(name).read_text()))


def stack_file(name: str) -> Path:
    folder, prefix = (ROOT, "Pulumi.") if name in STACK_FILES else (ROOT / "tests" / "settings", "")
    return folder / f"{prefix}{name}.yaml"


def declare(program: Callable[[], object]) -> Declared:
    """Run a few lines that create components, under mocks."""
    return Declared(run(lambda: (program(), None)[1]))


def canary(path: str) -> str:
    """A file's content that is found again wherever it goes; images, public keys and certificates are no secrets."""
    return placeholder(path) if "/images/" in path or path.endswith((".pub", "-ca.pem")) else CANARY + path


def secret(text: str) -> pulumi.Output[str]:
    """A value as the stack's configuration hands secrets over."""
    return pulumi.Output.secret(text)


def texts(value: Any) -> Iterator[str]:
    """Every text in a nested value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
