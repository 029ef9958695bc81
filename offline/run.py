"""Runs the program of a stack under Pulumi's mocks, in this process, and records every resource that it declares."""

import asyncio
import contextvars
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import yaml
from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks, rpc, set_all_config
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_in_stack

from components.conventions import PROJECT
from components.settings.documents import document
from components.settings.errors import SettingsError, yaml_mistake

ROOT = Path(__file__).resolve().parent.parent
SECRET_KEY, SECRET_MARK = rpc._special_sig_key, rpc._special_secret_sig
# Where a stack names a file that is not there: a run without a cluster needs its place, not its content.
PLACEHOLDER_DIGEST = "sha256:" + "0" * 64
HIDDEN = "[secret]"
NAMESPACE = "kubernetes:core/v1:Namespace"
RANDOM_PASSWORD = "random:index/randomPassword:RandomPassword"


@dataclass(frozen=True)
class Resource:
    """One registration as the engine would receive it."""

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    """Plain values; what is secret is replaced by `[secret]`."""
    secret_paths: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    protect: bool
    retain_on_delete: bool
    dependencies: tuple[str, ...]
    aliases: tuple[str, ...]
    provider: str
    sent: dict[str, Any] = field(repr=False)
    """The inputs as they go to the engine, each secret in its envelope."""


@dataclass
class Recording:
    """Everything that a run declared."""

    stack: str
    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    secret_outputs: tuple[str, ...] = ()
    component_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each component registered as its outputs, by URN."""

    def of_type(self, token: str) -> list[Resource]:
        """Return the resources with a type token, e.g. `kubernetes:core/v1:Secret`."""
        return [resource for resource in self.resources if resource.type == token]


def run(
    program: Callable[[], None],
    *,
    stack: str = "test",
    config: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    preview: bool = False,
    passwords: Mapping[str, str] | None = None,
) -> Recording:
    """Run `program` in a context of its own and return what it declared. Its exceptions come out unchanged.

    `passwords` are the values of random passwords that are known, by the resource's name.
    """

    def isolated() -> Recording:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.set_default_executor(_AtOnce())
        try:
            pulumi.runtime.reset_options(project=PROJECT, stack=stack, preview=preview, organization="organization")
            monitor = _Monitor(stack, passwords or {})
            SETTINGS.monitor = monitor
            SETTINGS.engine = mocks.MockEngine(None)
            set_all_config(dict(config or {}), list(secrets))
            loop.run_until_complete(run_in_stack(lambda: _with_outputs(program)))
            return monitor.recording
        finally:
            loop.close()
            asyncio.set_event_loop(None)

    return contextvars.copy_context().run(isolated)


async def _with_outputs(program: Callable[[], None]) -> None:
    """Run a program until its outputs are there, or the first of them fails; the SDK tells of that one.

    The SDK would wait for all of them anew each time that some are there, which is a fifth of a run.
    """
    program()
    while waiting := list(SETTINGS.outputs):
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        if any(output.cancelled() or output.exception() for output in done):
            return


def stack_config(path: Path) -> dict[str, str]:
    """Return the configuration of a stack file as the engine passes it: objects as JSON text."""
    if not path.exists():
        known = sorted(other.name.split(".")[1] for other in path.parent.glob("Pulumi.*.yaml"))
        raise SettingsError(
            f"there is no {path.name}; stacks{'' if known else f' in {path.parent}'}: {', '.join(known) or 'none'}"
        )
    try:
        loaded = document(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path.name} is no YAML: {yaml_mistake(error)}") from None
    config = loaded.get("config") if isinstance(loaded, dict) else None
    if not isinstance(config, dict):
        raise SettingsError(f"{path.name} needs the key `config` with the stack's settings below it")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in config.items()}


def placeholder(path: str) -> str:
    """Return the content of a file that a stack names, or something of its form that holds no secret."""
    if "/images/" in path:
        return f"registry.internal:5000/platform/{Path(path).name}@{PLACEHOLDER_DIGEST}"
    return f"content-of-{Path(path).name}"


def _somebody_elses(name: str, kubernetes_name: str) -> dict[str, Any]:
    """Return a namespace that is only read, as whoever made it should have."""
    level = "baseline" if name.endswith("-delivery") else "restricted"
    return {"metadata": {"name": kubernetes_name, "labels": {"pod-security.kubernetes.io/enforce": level}}}


class _Reads(mocks.Mocks):
    """Resources that are only read, and calls without an answer."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        id_ = args.resource_id or f"{args.name}-id"
        return id_, _somebody_elses(args.name, id_) if args.typ == NAMESPACE else dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, []


class _AtOnce(ThreadPoolExecutor):
    """Runs in the caller's thread what it is given: nothing here waits, and threads would wait for each other."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Monitor(mocks.MockMonitor):
    def __init__(self, stack: str, passwords: Mapping[str, str]) -> None:
        super().__init__(_Reads())
        self.recording = Recording(stack)
        self._stack = stack
        self._passwords = passwords

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        if parent:
            type_ = parent.split("::")[2] + "$" + type_ if "pulumi:pulumi:Stack" not in parent else type_
        return f"urn:pulumi:{self._stack}::{PROJECT}::{type_}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        # The outputs are the inputs as they came. The stock mock takes them apart and puts the same together again.
        response = resource_pb2.RegisterResourceResponse(urn=self.make_urn(request.parent, request.type, request.name))
        if request.type != "pulumi:pulumi:Stack":
            response.id = f"{request.name}-id"
            response.object.CopyFrom(request.object)
        if request.type == RANDOM_PASSWORD:
            made = self._passwords.get(request.name, f"result-of-{request.name}")
            response.object.fields["result"].string_value = made
        sent = MessageToDict(request.object)
        self.recording.resources.append(
            Resource(
                urn=response.urn,
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=request.custom,
                inputs=_plain(sent),
                secret_paths=tuple(_secret_paths(request.object)),
                ignore_changes=tuple(request.ignoreChanges),
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                dependencies=tuple(request.dependencies),
                aliases=tuple(str(alias) for alias in request.aliases),
                provider=request.provider,
                sent=sent,
            )
        )
        # The stock mock forgets which outputs a provider marks as secret.
        for name in request.additionalSecretOutputs:
            value = response.object.fields.get(name)
            if value is not None and SECRET_KEY not in value.struct_value.fields:
                wrapped = struct_pb2.Value()
                wrapped.struct_value.fields[SECRET_KEY].string_value = SECRET_MARK
                wrapped.struct_value.fields["value"].CopyFrom(value)
                response.object.fields[name].CopyFrom(wrapped)
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if "::pulumi:pulumi:Stack::" in request.urn:
            self.recording.outputs = _plain(MessageToDict(request.outputs))
            self.recording.secret_outputs = tuple(_secret_paths(request.outputs))
        else:
            self.recording.component_outputs[request.urn] = _plain(MessageToDict(request.outputs))
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _secret_paths(struct: struct_pb2.Struct) -> list[str]:
    return [path for name, value in struct.fields.items() for path in _secrets_in(value, name)]


def _secrets_in(value: struct_pb2.Value, path: str) -> Iterator[str]:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SECRET_KEY in fields and fields[SECRET_KEY].string_value == SECRET_MARK:
            yield path
        else:
            for name in fields:
                yield from _secrets_in(fields[name], f"{path}.{name}")
    elif kind == "list_value":
        for index, item in enumerate(value.list_value.values):
            yield from _secrets_in(item, f"{path}[{index}]")


def _plain(value: Any) -> Any:
    """Return a value as people write it: integers for whole numbers, `[secret]` for what is secret."""
    return _written(value, lambda inner: dict.fromkeys(inner, HIDDEN) if isinstance(inner, dict) else HIDDEN)


def revealed(resource: Resource) -> dict[str, Any]:
    """Return a resource's inputs with their secrets."""
    inputs: dict[str, Any] = _revealed(resource.sent)
    return inputs


def _revealed(value: Any) -> Any:
    return _written(value, _revealed)


def _written(value: Any, secret: Callable[[Any], Any]) -> Any:
    """Return a value with integers for whole numbers and `secret` of what is in an envelope."""
    if isinstance(value, dict):
        if value.get(SECRET_KEY) == SECRET_MARK:
            return secret(value.get("value"))
        return {name: _written(item, secret) for name, item in value.items()}
    if isinstance(value, list):
        return [_written(item, secret) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
