"""A plugin of proxy.py: the proxy knows a name that nobody else does, of servers that nobody else reaches."""

from proxy.http.proxy import HttpProxyBasePlugin

NAME = "outside.example"


class Outside(HttpProxyBasePlugin):
    """The name's servers listen on the loopback of the network namespace that the proxy lives in."""

    def resolve_dns(self, host: str, port: int) -> tuple[str | None, None]:
        return "127.0.0.1" if host == NAME else None, None
