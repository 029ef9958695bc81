"""A stack's own certificate authorities, believed beside the system's by the commands that meet their certificates."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from steps.inputs import given


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What to believe, and of whom."""

    bundle: Path = given("CA_BUNDLE")
    system: Path = given("SYSTEM_CERTIFICATES")
    trusted: Path = given("TRUSTED")
    """Where both are put together."""
    peers: tuple[str, ...] = given("BELIEVED_OF")
    """Of whom: `forge-git`, `registry`, `source`, `quarantine`."""


def environment(trust: Trust | None, *peers: str) -> Mapping[str, str]:
    """Return the variables by which a command that speaks with one of these believes the stack's authorities."""
    if trust is None or not set(peers) & set(trust.peers):
        return {}
    if not trust.trusted.exists():
        # The first file may end without a newline.
        trust.trusted.write_bytes(trust.system.read_bytes() + b"\n" + trust.bundle.read_bytes())
    # For programs in Go (cosign, crane, oras), for curl and for git.
    return dict.fromkeys(("SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"), str(trust.trusted))
