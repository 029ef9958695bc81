"""What settings say of where pods lead. Each mistake is one line, as in `checks`; each warning as well."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import urlsplit

from components.addresses import is_inside, is_nameable, is_public, literal, peers
from components.settings.errors import Location, path
from components.settings.settings import Settings


@dataclass(frozen=True)
class _Named:
    """A setting that names a host."""

    location: Location
    url: str
    addresses: Location
    """The key with the ranges where it is."""
    ranges: list[str]
    untrusted: bool
    """Whether pods with pull-request code talk to it."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def place(self) -> str:
        return f"{path(self.location)} = {json.dumps(self.host)}"


def network_inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each host that an opening cannot lead to."""
    for named in _hosts(settings):
        address = literal(named.host)
        if address is None:
            try:
                peers(named.host, named.ranges, settings.cluster.own_addresses)
            except ValueError:
                where = f"{path(('cluster', 'ownAddresses'))}: closes every address that {json.dumps(named.host)} can have"
                yield f"{where}; name its own in `{path(named.addresses)}`"
            continue
        if not is_nameable(str(address)):
            problem = "no pod reaches loopback, link-local or multicast addresses, or a cloud's metadata; name another host"
            yield f"{named.place}: {problem}"
        elif named.ranges and not any(
            address.version == other.version and address.network_address in other for other in map(ip_network, named.ranges)
        ):
            yield f"{named.place}: is in none of `{path(named.addresses)}`; add it there, or remove that key"
    if settings.build and settings.build.internet is False:
        for named in _hosts(settings):
            if named.untrusted and is_public(named.host, named.ranges):
                yield (
                    f"{path(('build', 'internet'))} = false: tests and builds share a pod with what talks to "
                    f"{json.dumps(named.host)}, and only its addresses can be opened; name them, e.g. "
                    f"`{named.addresses[-1]}: [10.20.0.0/24]` in `{path(named.addresses[:-1])}`, or say `internet: true`"
                )


def network_warnings(settings: Settings) -> Iterator[str]:
    """Yield a line for each opening that is wider than it has to be since the settings do not say more."""
    hosts = list(_hosts(settings))
    public = [named for named in hosts if named.untrusted and is_public(named.host, named.ranges)]
    if settings.build and settings.build.internet is None and public:
        names = " and ".join(dict.fromkeys(f"{named.host} (`{path(named.addresses)}` is not set)" for named in public))
        yield (
            f"{path(('build', 'internet'))} is not set: pods with pull-request code reach every public address on the ports "
            f"of {names}. Say `internet: true` if tests and builds may, or name the addresses"
        )
    lines: dict[str, None] = {}
    for named in hosts:
        if not named.ranges and literal(named.host) is None and is_inside(named.host):
            line = (
                f"{path(named.addresses)} is not set: pods that talk to {named.host} reach its port of every private "
                f"address, those of the cluster included. Name its own, e.g. `{named.addresses[-1]}: [10.20.0.0/24]`"
            )
            lines[line] = None
    yield from lines


def _hosts(settings: Settings) -> Iterator[_Named]:
    """Yield what is named as a host in the settings that pods talk to."""
    forge, build, source = settings.forge, settings.build, settings.source_registry
    place: Location = ("forge", "https" if forge.https else "ssh", "url")
    yield _Named(place, forge.git_url, ("forge", "addresses"), forge.addresses, untrusted=build is not None)
    yield _Named(("forge", "apiUrl"), forge.api_url, ("forge", "addresses"), forge.addresses, untrusted=False)
    registry = settings.registry
    yield _Named(("registry", "host"), registry.url, ("registry", "addresses"), registry.addresses, untrusted=False)
    if source:
        key = ("sourceRegistry", "addresses")
        yield _Named(("sourceRegistry", "host"), source.url, key, source.addresses, untrusted=False)
    if build:
        quarantine, proxy = build.quarantine, build.proxy
        above: Location = ("build", "quarantine")
        yield _Named((*above, "host"), quarantine.url, (*above, "addresses"), quarantine.addresses, untrusted=True)
        for name, there in build.base_images.items():
            if there.host != quarantine.host and name not in build.base_images_by_proxy:
                above = ("build", "baseImages", name)
                yield _Named((*above, "host"), there.url, (*above, "addresses"), there.addresses, untrusted=True)
        if proxy:
            above = ("build", "proxy")
            yield _Named((*above, "url"), proxy.url, (*above, "addresses"), proxy.addresses, untrusted=True)
