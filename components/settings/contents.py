"""What files and secrets of a stack hold: keys that are none are refused before a run would fail by them."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from components.settings.certificates import certificates
from components.settings.errors import Location, path
from components.settings.settings import Settings
from components.settings.types import Source

_PRIVATE = re.compile(r"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----\s(.+?)-----END \1PRIVATE KEY-----\s*", re.S)
_SIGNING = re.compile(r"-----BEGIN ENCRYPTED (SIGSTORE|COSIGN) PRIVATE KEY-----\s.+", re.S)
_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----\s.+", re.S)
# One line of known_hosts: an optional marker, names or their hashes, the kind of key, the key.
_HOST = re.compile(r"(@(cert-authority|revoked) )?\S+ [a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?")
# How OpenSSH's own form begins, with the cipher that protects the key.
_OPENSSH, _NO_CIPHER = b"openssh-key-v1\0", b"\0\0\0\4none"
# How the DER of an RSA key goes on after its length: as PKCS#1, and as PKCS#8 with the algorithm's object identifier.
_PKCS1, _PKCS8 = bytes.fromhex("02010002"), bytes.fromhex("020100300d06092a864886f70d0101010500")


def wrong_contents(settings: Settings, text: Callable[[Source], str]) -> Iterator[str]:
    """Yield a line for each source whose content cannot be what it is for. No content is repeated."""
    forge, mark, bundle = settings.forge, settings.mark, settings.ca_bundle
    ssh, https, app = forge.ssh, forge.https, forge.app
    checks: list[tuple[Location, Source | None, Callable[[str], str]]] = [
        (("forge", "ssh", "privateKey"), ssh.private_key if ssh else None, deploy_key),
        (("forge", "ssh", "knownHosts"), ssh.known_hosts if ssh else None, known_hosts),
        (("forge", "https", "token"), https.token if https else None, token),
        (("forge", "app", "privateKey"), app.private_key if app else None, app_key),
        (("mark", "privateKey"), mark.private_key, signing_key),
        (("mark", "publicKey"), mark.public_key, public_key),
        *((("mark", "formerPublicKeys", at), key, public_key) for at, key in enumerate(mark.former_public_keys)),
        (("caBundle",), bundle if isinstance(bundle, Source) else None, certificates),
    ]
    for place, source, check in checks:
        problem = check(text(source)) if source else ""
        if source and problem:
            key, name = ("file", source.file) if source.file else ("config", source.config)
            yield f'{path((*place, key))} = "{name}": {problem}'


def deploy_key(text: str) -> str:
    """Return what is wrong with a private key of any kind that ssh takes, or an empty text."""
    found = _PRIVATE.fullmatch(text.strip() + "\n")
    if not found:
        return "holds no private key (`-----BEGIN … PRIVATE KEY-----`); make one with `ssh-keygen -t ed25519 -N ''`"
    try:
        body = base64.b64decode("".join(found[2].split()), validate=True) if found[1] == "OPENSSH " else b""
    except binascii.Error:
        return "holds a damaged private key; copy the file anew, to its last line"
    encrypted = body.removeprefix(_OPENSSH)[: len(_NO_CIPHER)] != _NO_CIPHER if body else "ENCRYPTED" in text
    if encrypted:
        return "holds a private key with a passphrase, which nobody enters; remove it with `ssh-keygen -p -N ''`"
    return ""


def app_key(text: str) -> str:
    """Return what is wrong with a GitHub App's private key, or an empty text. GitHub takes RSA keys only."""
    found = _PRIVATE.fullmatch(text.strip() + "\n")
    if found and "ENCRYPTED" in text:
        return "holds a private key with a passphrase, which nobody enters; remove it with `openssl rsa`"
    try:
        der = base64.b64decode("".join(found[2].split()), validate=True) if found and found[1] in ("RSA ", "") else b""
    except binascii.Error:
        der = b"0\x82"  # so that its length is wrong
    if der[:2] == b"0\x82" and len(der) != 4 + int.from_bytes(der[2:4]):
        return "holds a damaged private key; copy the file anew, to its last line"
    if der[:2] != b"0\x82" or not der[4:].startswith((_PKCS1, _PKCS8)):
        return "holds no RSA private key (`-----BEGIN RSA PRIVATE KEY-----`); generate one on the App's page on GitHub"
    return ""


def known_hosts(text: str) -> str:
    """Return what is wrong with host keys, or an empty text."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines and all(_HOST.fullmatch(line.strip()) for line in lines):
        return ""
    return "holds no host keys (`host type key` in each line); take what `ssh-keyscan` prints and compare the fingerprints"


def token(text: str) -> str:
    """Return what is wrong with a token, or an empty text."""
    return "" if re.fullmatch(r"\S+", text.strip()) else "holds no token, which is one word"


def signing_key(text: str) -> str:
    """Return what is wrong with a cosign key, or an empty text."""
    return "" if _SIGNING.fullmatch(text.strip()) else "holds no key of cosign's; make one with `cosign generate-key-pair`"


def public_key(text: str) -> str:
    """Return what is wrong with a public key, or an empty text."""
    wanted = "(`-----BEGIN PUBLIC KEY-----`); `cosign generate-key-pair` wrote it as cosign.pub"
    return "" if _PUBLIC.fullmatch(text.strip()) else f"holds no public key {wanted}"
