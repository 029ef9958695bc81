"""Questions to components whether they work."""

from collections.abc import Callable
from pathlib import Path

import httpx

from local.cluster.network import Namespace


def answers(namespace: Namespace, url: str, *, status: int = 200, authority: Path | None = None) -> Callable[[], bool]:
    """A question to an HTTP address inside the namespace. Without an authority the certificate is not looked at:
    on loopback, components present one that they have just signed themselves."""

    def ask() -> bool:
        def get() -> int:
            verify = str(authority) if authority is not None else False
            with httpx.Client(verify=verify, trust_env=False, timeout=3) as client:
                return client.get(url).status_code

        return namespace.call(get) == status

    return ask
