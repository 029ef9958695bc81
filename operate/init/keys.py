"""Keys that a stack has of its own: one to read repositories by, and the pair by which it vouches for images."""

import base64
import json
import secrets
import textwrap
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from nacl.secret import SecretBox

from operate.errors import OperateError

# `standardParams` of go-securesystemslib 0.11 (encrypted/encrypted.go): cosign takes no others but 2^15 and 2^17.
_N, _R, _P = 65536, 8, 1


@dataclass(frozen=True)
class MarkKeys:
    """A key pair as `cosign generate-key-pair` makes it."""

    private: str = field(repr=False)
    password: str = field(repr=False)
    public: str


def deploy_key() -> str:
    """Return a new private key, ed25519, as OpenSSH writes it."""
    key = ed25519.Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_line(private: str) -> str:
    """Return the public half, `ssh-ed25519 AAAA…`. Raises OperateError for what is no key without a passphrase."""
    openssh = "BEGIN OPENSSH" in private
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        key = load(f"{private.strip()}\n".encode(), None).public_key()
        encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        return key.public_bytes(encoding, form).decode()
    except (ValueError, TypeError) as error:
        reason = "it is damaged, or has a passphrase"
        raise OperateError(f"the stack's deploy key cannot be read: {reason}; --rotate deploy-key makes another") from error


def mark() -> MarkKeys:
    """Return a new key pair of cosign's form: ECDSA on P-256, encrypted by a new password (scrypt, NaCl's secretbox)."""
    key = ec.generate_private_key(ec.SECP256R1())
    encoding, plain = serialization.Encoding, serialization.NoEncryption()
    password, salt = secrets.token_urlsafe(32), secrets.token_bytes(32)
    secret = Scrypt(salt=salt, length=SecretBox.KEY_SIZE, n=_N, r=_R, p=_P).derive(password.encode())
    sealed = SecretBox(secret).encrypt(key.private_bytes(encoding.DER, serialization.PrivateFormat.PKCS8, plain))
    envelope = {
        "kdf": {"name": "scrypt", "params": {"N": _N, "r": _R, "p": _P}, "salt": _text(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": _text(sealed.nonce)},
        "ciphertext": _text(sealed.ciphertext),
    }
    body = "\n".join(textwrap.wrap(_text(json.dumps(envelope, separators=(",", ":")).encode()), 64))
    kind = "ENCRYPTED SIGSTORE PRIVATE KEY"
    public = key.public_key().public_bytes(encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return MarkKeys(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n", password, public.decode())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
