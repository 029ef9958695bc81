"""Questions to components whether they work."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx

from local.cluster.network import Namespace


def answers(namespace: Namespace, url: str, *, status: int = 200, authority: Path | None = None) -> Callable[[], bool]:
    """A question to an HTTP address inside the namespace. Without an authority the certificate is not looked at:
    on loopback, components present one that they have just signed themselves."""

    def ask() -> bool:
        def get() -> int:
            verify = ssl.create_default_context(cafile=authority) if authority is not None else False
            with httpx.Client(verify=verify, trust_env=False, timeout=3) as client:
                return client.get(url).status_code

        return namespace.call(get) == status

    return ask


def listens(namespace: Namespace, address: str, port: int) -> bool:
    """Whether something takes TCP connections there."""

    def connect() -> bool:
        try:
            with socket.create_connection((address, port), timeout=1):
                return True
        except OSError:
            return False

    return namespace.call(connect)
