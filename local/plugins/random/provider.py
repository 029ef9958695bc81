"""The resource operations on random values: made once, kept in the state, made anew when an input changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.plugins.random import generate
from local.plugins.server import MARKER, Provider, RefusalError, check_failures, rpc
from local.plugins.versions import wheel_version
from local.plugins.wire import Bag, decode, encode, has_unknown, render

_Diff = provider_pb2.DiffResponse
_Property = provider_pb2.PropertyDiff
_TEXT_INPUTS = "keepers length lower minLower minNumeric minSpecial minUpper number numeric overrideSpecial special upper"


@dataclass(frozen=True)
class _Type:
    inputs: frozenset[str]
    make: Callable[[dict[str, Any]], dict[str, Any]]
    secret: frozenset[str]
    identity: Callable[[dict[str, Any]], str]


def _type(
    inputs: str,
    make: Callable[[dict[str, Any]], dict[str, Any]],
    secret: str = "",
    identity: Callable[[dict[str, Any]], str] = lambda outputs: "none",
) -> _Type:
    return _Type(frozenset(inputs.split()), make, frozenset(secret.split()), identity)


_TYPES = {
    "random:index/randomPassword:RandomPassword": _type(_TEXT_INPUTS, generate.password, "result bcryptHash"),
    "random:index/randomString:RandomString": _type(_TEXT_INPUTS, generate.text, identity=lambda out: str(out["result"])),
    "random:index/randomId:RandomId": _type(
        "byteLength keepers prefix", generate.identifier, identity=lambda out: str(out["id"])
    ),
    "random:index/randomBytes:RandomBytes": _type("keepers length", generate.octets, "base64 hex"),
}


class RandomProvider(Provider):
    """The provider `random`."""

    package = "random"

    @check_failures
    def CheckConfig(self, request: Any, news: Bag) -> Bag:  # noqa: N802
        unknown = sorted(set(news.value) - {"version", "pluginDownloadURL", "__internal"})
        if unknown:
            raise RefusalError(f"the random plugin has no option {unknown[0]!r}")
        return news

    @rpc
    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return _Diff(changes=_Diff.DIFF_NONE)

    @rpc
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.log.info(f"random: the project's stand-in for the official plugin v{wheel_version(self.package)} is in use")
        return super().Configure(request, context)

    @check_failures
    def Check(self, request: Any, news: Bag) -> Bag:  # noqa: N802
        described = _described(request.type)
        unknown = sorted(set(news.value) - described.inputs)
        if unknown:
            raise RefusalError(f"{request.type} has no input {unknown[0]!r}; it has {', '.join(sorted(described.inputs))}")
        if not has_unknown(news.value):
            # Whatever cannot be generated is said here, before anything is attempted.
            described.make(news.value)
        return news

    @rpc
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.require_own_state(decode(request.olds), request.urn)
        old, new = decode(request.old_inputs).value, decode(request.news).value
        changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        return _Diff(
            changes=_Diff.DIFF_SOME if changed else _Diff.DIFF_NONE,
            replaces=[render((name,)) for name in changed],
            hasDetailedDiff=True,
            detailedDiff={render((name,)): _Property(kind=_Property.UPDATE_REPLACE, inputDiff=True) for name in changed},
        )

    @rpc
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        described, inputs = _described(request.type), decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(inputs))
        if has_unknown(inputs.value):
            raise RefusalError(f"{request.urn}: an input is not known")
        outputs = described.make(inputs.value)
        identity = described.identity(outputs)
        outputs.pop("id", None)
        hidden = {path for path in inputs.secrets if path[0] in outputs} | {(name,) for name in described.secret}
        outputs[MARKER] = True
        return provider_pb2.CreateResponse(id=identity, properties=encode(Bag(outputs, frozenset(hidden))))

    @rpc
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        if not request.inputs.fields:
            raise RefusalError(f"{request.urn}: the stand-in for the random plugin cannot import values")
        self.require_own_state(decode(request.properties), request.urn)
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    @rpc
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()


def _described(token: str) -> _Type:
    if token not in _TYPES:
        names = ", ".join(name.rpartition(":")[2] for name in _TYPES)
        raise RefusalError(f"{token}: the stand-in for the random plugin only makes {names}")
    return _TYPES[token]
