"""One time for a whole question by HTTP: http.client bounds each read, and reads as often as the other side sends."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult


def connection(url: SplitResult, tls: ssl.SSLContext | None) -> HTTPConnection:
    """Return a connection that `within` opens."""
    host, port = url.hostname or "", url.port
    return HTTPSConnection(host, port, context=tls) if tls else HTTPConnection(host, port)


@contextmanager
def within(made: HTTPConnection, seconds: float, tls: ssl.SSLContext | None) -> Iterator[None]:
    """Bound all that is done with a connection, which is opened if it is not yet: then it is cut off.

    Not covered is what happens before there is a connection: the look-up of the name, which the node's resolver bounds, and
    each address that does not answer, which takes the time once. Who sends the answer decides on neither.
    Raises TimeoutError, also where everything was done just before it was cut off.
    """
    made.timeout, struck = seconds, threading.Event()
    # The same connection by a descriptor of our own: nobody else closes it, so that its number comes to mean no other one.
    # It knows nothing of TLS, whose state is the reading thread's.
    held: socket.socket | None = None

    def strike() -> None:
        struck.set()
        if held:
            # Both directions: the kernel refuses what still comes, and nothing that is there to be read goes on for ever.
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, strike)
    timer.daemon = True
    timer.start()
    try:
        opened = made.sock is None
        if opened:
            # Without TLS, so that its handshake can be cut off too.
            HTTPConnection.connect(made)
        held = socket.fromfd(made.sock.fileno(), made.sock.family, made.sock.type)
        if struck.is_set():
            # Maybe before it was held.
            strike()
        if opened and tls:
            made.sock = tls.wrap_socket(made.sock, server_hostname=made.host)
        yield
    except (OSError, HTTPException, ValueError) as error:
        if struck.is_set():
            raise TimeoutError("timed out") from error
        raise
    finally:
        timer.cancel()
        timer.join()
        if held:
            held.close()
    if struck.is_set():
        raise TimeoutError("timed out")
