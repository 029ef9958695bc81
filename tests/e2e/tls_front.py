"""TLS before the embedded forge and registries, with certificates of a test's own authority."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from local.cluster.network import Namespace
from local.machine import Machine
from tests.authority import Authority


@dataclass
class Front:
    """Hosts of the cluster as clients reach them by TLS."""

    machine: Machine
    addresses: dict[str, str] = field(default_factory=dict)
    """Name of each host, and where it answers: `forge.internal` → `forge.internal:40123`."""
    asked: set[tuple[str, str, str]] = field(default_factory=set)
    """Host, method and path of each request that came through."""
    clients: dict[str, set[str]] = field(default_factory=dict)
    """Host, and the programs that asked it: `git`, `tekton-delivery`."""

    async def hand_on(self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one request to the same host's port without TLS, and its answer back."""
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        method, path, _ = request.split(" ")
        agent = next((line.partition(" ")[2] for line in lines if line.lower().startswith("user-agent:")), "")
        self.asked.add((host, method, path.partition("?")[0]))
        self.clients.setdefault(host, set()).add(agent.partition("/")[0])
        # One request for each connection, so that no other one has to be looked for among the bytes that follow.
        lines = [line for line in lines if not line.lower().startswith("connection:")]
        head = [request, *lines, "Connection: close", "X-Forwarded-Proto: https", "", ""]
        behind, before = await asyncio.open_connection(self.machine.cluster.node_ip, port)
        before.write("\r\n".join(head).encode("latin-1"))
        body = asyncio.create_task(_pass(reader, before))
        await _pass(behind, writer)
        body.cancel()
        before.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@contextlib.contextmanager
def front(machine: Machine, authority: Authority, behind: dict[str, int]) -> Iterator[Front]:
    """Answer by TLS as each host of `behind`, which has the port where the host answers without. Pods reach it."""
    made = Front(machine)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.signed(*(f"DNS:{host}" for host in behind)))

    async def serve(host: str, port: int, listening: socket.socket) -> asyncio.Server:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # a client that went away
                await made.hand_on(host, port, reader, writer)
            writer.close()

        return await asyncio.start_server(answer, sock=listening, ssl=context)

    loop = asyncio.new_event_loop()
    # Who does not believe the certificate says so itself.
    loop.set_exception_handler(lambda *_: None)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers = []
    for host, port in behind.items():
        address = (machine.cluster.node_ip, 0)
        # A socket stays in the network namespace that it was made in.
        listening = Namespace(machine.cluster.layout.id).call(lambda: socket.create_server(address))  # noqa: B023
        made.addresses[host] = f"{host}:{listening.getsockname()[1]}"
        servers.append(asyncio.run_coroutine_threadsafe(serve(host, port, listening), loop).result())
    try:
        yield made
    finally:
        for server in servers:
            loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
