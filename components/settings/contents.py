"""What files and secrets of a stack hold: keys that are none are refused before a run would fail by them."""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from components.settings.errors import Location, path
from components.settings.form import wrong_text
from components.settings.registry import ReadRegistry, User
from components.settings.settings import Settings
from components.settings.sources import knows
from components.settings.types import Source

# MaxSecretSize, https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size
_SECRET = 1024 * 1024
_BEGIN = re.compile(r"-----BEGIN ([^\n]*?)-----")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s[^-]*-----END CERTIFICATE-----")
_OPENSSH = "-----BEGIN OPENSSH "
# cosign encrypts its keys in a form of its own.
_SIGNING = re.compile(r"-----BEGIN ENCRYPTED (SIGSTORE|COSIGN) PRIVATE KEY-----\s.+", re.S)
# One line of known_hosts: an optional marker, names or their hashes, then the key with its kind.
_HOST = re.compile(r"(?:@(?:cert-authority|revoked) )?\S+ (?P<key>[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2})(?: .*)?")


def wrong_contents(settings: Settings, text: Callable[[Source], str]) -> Iterator[str]:
    """Yield a line for each source whose content cannot be what it is for. No content is repeated.

    What a Secret of the cluster holds is not known here.
    """
    forge, mark, bundle = settings.forge, settings.mark, settings.ca_bundle
    ssh, https, app = forge.ssh, forge.https, forge.app
    checks: list[tuple[Location, Source | None, Callable[[str], str]]] = [
        (("forge", "ssh", "privateKey"), ssh.private_key if ssh else None, deploy_key),
        *((("forge", "ssh", "deployKeys", name), key, deploy_key) for name, key in (ssh.deploy_keys if ssh else {}).items()),
        (("forge", "ssh", "knownHosts"), ssh.known_hosts if ssh else None, known_hosts),
        (("forge", "https", "token"), https.token if https else None, token),
        *((("forge", "https", "tokens", name), each, token) for name, each in (https.tokens if https else {}).items()),
        (("forge", "app", "privateKey"), app.private_key if app else None, app_key),
        (("mark", "privateKey"), mark.private_key, signing_key),
        (("mark", "publicKey"), mark.public_key, public_key),
        *((("mark", "formerPublicKeys", at), key, public_key) for at, key in enumerate(mark.former_public_keys)),
        *_environment_marks(settings),
        (("caBundle",), bundle if isinstance(bundle, Source) else None, certificates),
        (("forge", "token"), forge.token, token),
        (("forge", "okToTest", "token"), forge.ok_to_test.token if forge.ok_to_test else None, token),
        (("mark", "password"), mark.password, password),
        *((place, user.password, password) for place, user in _users(settings) if user.password),
    ]
    for place, source, check in checks:
        problem = check(text(source)) if source and knows(source) else ""
        if source and problem:
            key, name = ("file", source.file) if source.file else ("config", source.config)
            yield f'{path((*place, key))} = "{name}": {problem}'
    yield from _secrets(settings, text)


def _secrets(settings: Settings, text: Callable[[Source], str]) -> Iterator[str]:
    """Yield a line for each of an application's secrets that no container gets, or that no Secret holds."""
    held: list[tuple[Location, Mapping[str, Source]]] = []
    for index, application in enumerate(settings.applications):
        held.append((("applications", index, "buildSecrets"), application.build_secrets))
    for index, environment in enumerate(settings.environments):
        for name, here in environment.applications.items():
            place: Location = ("environments", index, "applications", name, "secrets")
            held.append((place, here.secrets.files | here.secrets.env))
            for variable, source in here.secrets.env.items():
                if problem := wrong_text(text(source)):
                    yield f"{path((*place, 'env', variable))}: no container takes it as a variable; {problem}"
    for place, sources in held:
        size = sum(len(text(source).encode()) for source in sources.values() if knows(source))
        if size > _SECRET:
            yield f"{path(place)}: {size} bytes together, and a Secret holds {_SECRET}; leave out what is none"


def _environment_marks(settings: Settings) -> Iterator[tuple[Location, Source | None, Callable[[str], str]]]:
    """Yield each key that an environment has of its own, with what it must be."""
    for index, environment in enumerate(settings.environments):
        place, mark = ("environments", index, "mark"), environment.mark
        yield (*place, "privateKey"), mark.private_key, signing_key
        yield (*place, "password"), mark.password, password
        yield (*place, "publicKey"), mark.public_key, public_key
        for at, key in enumerate(mark.former_public_keys):
            yield (*place, "formerPublicKeys", at), key, public_key


def _users(settings: Settings) -> Iterator[tuple[Location, User]]:
    """Yield each user of a registry with the place of its password."""
    registries: list[tuple[Location, ReadRegistry | None]] = [
        (("registry",), settings.registry),
        (("sourceRegistry",), settings.source_registry),
        (("build", "quarantine"), settings.build.quarantine if settings.build else None),
    ]
    bases = settings.build.base_images if settings.build else {}
    registries += [(("build", "baseImages", name), there) for name, there in bases.items()]
    for place, registry in registries:
        for role in ("read", "write", "delete"):
            if user := getattr(registry, role, None):
                yield (*place, role, "password"), user
    for index, application in enumerate(settings.applications):
        if application.quarantine:
            yield ("applications", index, "quarantine", "password"), application.quarantine


def deploy_key(text: str) -> str:
    """Return what is wrong with a private key of any kind that ssh takes, or an empty text."""
    if not _whole(text, "PRIVATE KEY"):
        return "holds no private key (`-----BEGIN … PRIVATE KEY-----`); make one with `ssh-keygen -t ed25519 -N ''`"
    return _private(text, "ssh-keygen -p -N ''")[1]


def app_key(text: str) -> str:
    """Return what is wrong with a GitHub App's private key, or an empty text. GitHub takes RSA keys only."""
    other = "holds no RSA private key (`-----BEGIN RSA PRIVATE KEY-----`); generate one on the App's page on GitHub"
    if not _whole(text, "PRIVATE KEY") or _OPENSSH in text:
        return other
    key, problem = _private(text, "openssl rsa")
    return problem or ("" if isinstance(key, RSAPrivateKey) else other)


def known_hosts(text: str) -> str:
    """Return what is wrong with host keys, or an empty text."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines and all(map(_is_host_key, lines)):
        return ""
    return "holds no host keys (`host type key` in each line); take what `ssh-keyscan` prints and compare the fingerprints"


def token(text: str) -> str:
    """Return what is wrong with a token, or an empty text."""
    return "" if re.fullmatch(r"\S+", text.strip()) else "holds no token, which is one word"


def password(text: str) -> str:
    """Return what is wrong with a password, or an empty text."""
    return "" if len(text.strip().splitlines()) == 1 else "holds more than one line, and a password is one"


def signing_key(text: str) -> str:
    """Return what is wrong with a cosign key, or an empty text."""
    return "" if _SIGNING.fullmatch(text.strip()) else "holds no key of cosign's; make one with `cosign generate-key-pair`"


def public_key(text: str) -> str:
    """Return what is wrong with a public key, or an empty text."""
    wanted = "(`-----BEGIN PUBLIC KEY-----`); `cosign generate-key-pair` wrote it as cosign.pub"
    if not _whole(text, "PUBLIC KEY"):
        return f"holds no public key {wanted}"
    try:
        serialization.load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return f"holds a damaged public key {wanted}"
    return ""


def _whole(text: str, kind: str) -> bool:
    """Return whether a text is one PEM block, from its first line to its last."""
    return bool(re.fullmatch(rf"-----BEGIN ([A-Z0-9 ]*){kind}-----\s.+-----END \1{kind}-----", text.strip(), re.S))


def _private(text: str, remedy: str) -> tuple[object, str]:
    """Return a private key, or None and why it cannot be read; `remedy` takes a passphrase away."""
    load = serialization.load_ssh_private_key if _OPENSSH in text else serialization.load_pem_private_key
    try:
        return load(text.encode(), password=None), ""
    except TypeError:
        return None, f"holds a private key with a passphrase, which nobody enters; remove it with `{remedy}`"
    except (ValueError, UnsupportedAlgorithm):
        return None, "holds a private key that is damaged or of no known kind; copy the file anew, to its last line"


def _is_host_key(line: str) -> bool:
    found = _HOST.fullmatch(line)
    if not found:
        return False
    try:
        serialization.load_ssh_public_key(found["key"].encode())
    except UnsupportedAlgorithm:
        return True
    except ValueError:
        return False
    return True


def certificates(text: str) -> str:
    """Return what is wrong with certificates as PEM, or an empty text. Expired ones may be among them."""
    kinds = _BEGIN.findall(text)
    others = sorted({kind for kind in kinds if kind != "CERTIFICATE"})
    if any("PRIVATE KEY" in kind for kind in kinds):
        return "holds a private key, which no step needs and everybody could read; give the certificates alone"
    if not kinds:
        return (
            "is no PEM text (`-----BEGIN CERTIFICATE-----`); name a file as `{file: PATH}`, and turn a binary certificate "
            "into PEM with `openssl x509 -inform der`"
        )
    if "CERTIFICATE" not in kinds:
        return f"holds no certificate (`-----BEGIN CERTIFICATE-----`), only {' and '.join(others)}; give the authority's"
    if others:
        return f"holds {' and '.join(others)} beside certificates; give the certificates alone"
    found = _CERTIFICATE.findall(text)
    for number, certificate in enumerate(found, 1):
        if not _is_certificate(certificate):
            return f"holds a damaged certificate, the {number}. of {len(kinds)}; copy it anew, to its last line"
    if len(found) != len(kinds):
        return "holds a certificate without its end (`-----END CERTIFICATE-----`); copy it anew, to its last line"
    return ""


def _is_certificate(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(text))
    except (ssl.SSLError, ValueError):
        return False
    return True
