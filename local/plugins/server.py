"""What a provider plugin needs: the gRPC server, its life cycle, the engine's log, errors as the engine reads them."""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

from local.plugins.versions import wheel_version
from local.plugins.wire import Bag, WireError, decode, encode

_THREADS = 16
_PARENT_POLL_SECONDS = 0.5
_MESSAGE_LIMIT = 400 * 1024 * 1024

MARKER = "__standIn"
"""The output that says which plugin made a resource's state."""


class RefusalError(Exception):
    """What this plugin does not do, or will not do to this resource. The message says so and names the way on."""


class EngineLog:
    """Messages to the person at the terminal, through the engine."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def info(self, message: str) -> None:
        """A line of information."""
        try:
            self._stub.Log(engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message), timeout=5)
        except grpc.RpcError:
            # A message that cannot be delivered must not fail the operation it is about.
            print(message, file=sys.stderr)


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The calls that are the same for every provider. What a subclass leaves out is answered as unimplemented."""

    package: str

    def __init__(self, log: EngineLog) -> None:
        self.log = log

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=wheel_version(self.package))

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._refuse_call(request.tok, context)

    def Call(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._refuse_call(request.tok, context)

    def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._refuse_call(request.type, context)

    def Parameterize(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._refuse_call("provider extensions", context)

    def _refuse_call(self, what: str, context: Any) -> None:
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{what}: the stand-in for the {self.package} plugin has no functions or components; use the official plugin",
        )

    def require_own_state(self, outputs: Bag, urn: str) -> None:
        """Refuse a state that the official plugin made: the two keep different things, and would replace resources."""
        if outputs.value and MARKER not in outputs.value:
            raise RefusalError(
                f"{urn}: this state was made by the official {self.package} plugin; the stand-in does not work on it. "
                "Install the official plugins (pulumi plugin install), or give the stand-in a backend of its own."
            )


def rpc(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the exceptions of a resource operation into the answers that the engine understands."""

    @functools.wraps(method)
    def call(self: Provider, request: Any, context: Any) -> Any:
        try:
            return method(self, request, context)
        except (RefusalError, WireError) as refusal:
            return context.abort(grpc.StatusCode.UNKNOWN, str(refusal))

    return call


def check_failures(method: Callable[..., Bag]) -> Callable[..., Any]:
    """Turn a refusal during a check into a check failure: the resource is named, and nothing is attempted."""

    @functools.wraps(method)
    def call(self: Provider, request: Any, context: Any) -> Any:
        try:
            return provider_pb2.CheckResponse(inputs=encode(method(self, request, decode(request.news))))
        except (RefusalError, WireError) as refusal:
            failure = provider_pb2.CheckFailure(reason=str(refusal))
            return provider_pb2.CheckResponse(inputs=struct_pb2.Struct(), failures=[failure])

    return call


def serve(make: Callable[[EngineLog], Provider]) -> None:
    """Run a plugin as the engine starts it: `<plugin> <engine address>`, the port as the first line on stdout."""
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if not arguments:
        sys.exit("error: this is a Pulumi plugin; the Pulumi CLI starts it, with the engine's address as its argument")
    provider = make(EngineLog(arguments[0]))
    options = [("grpc.max_receive_message_length", _MESSAGE_LIMIT), ("grpc.max_send_message_length", _MESSAGE_LIMIT)]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")

    # The CLI ends a plugin by SIGINT and calls it a crash when that does not end it; Cancel is for the user's Ctrl-C.
    finished = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: finished.set())
    server.start()
    print(port, flush=True)

    parent = os.getppid()
    while not finished.wait(_PARENT_POLL_SECONDS):
        if os.getppid() != parent:
            # The CLI died: whoever asked for the operations under way is gone.
            os._exit(1)
    server.stop(grace=2).wait()
    sys.stdout.flush()
    # Threads that still wait for the API server must not hold the process.
    os._exit(0)
