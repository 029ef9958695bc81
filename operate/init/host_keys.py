"""The forge's SSH host keys: from GitHub by TLS, otherwise from its SSH port, and then somebody has to know them."""

import base64
import hashlib
import subprocess
from collections.abc import Iterable
from urllib.parse import urlsplit

from operate.errors import OperateError
from operate.init.questions import Ask

SECONDS = 20


def name(ssh_url: str) -> str:
    """Return a host's name in known_hosts: `github.com`, or `[forge.example]:2222`."""
    parts = urlsplit(ssh_url)
    return f"[{parts.hostname}]:{parts.port}" if parts.port and parts.port != 22 else str(parts.hostname)


def known_hosts(ssh_url: str, keys: Iterable[str]) -> str:
    """Return a known_hosts file with keys such as `ssh-ed25519 AAAA…`."""
    return "".join(f"{name(ssh_url)} {' '.join(key.split()[:2])}\n" for key in keys)


def fingerprint(key: str) -> str:
    """Return what OpenSSH shows of a key, `SHA256:…`."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def scanned(ssh_url: str, expected: str | None, ask: Ask | None) -> list[str]:
    """Return the keys that a host shows, of which `expected` is a fingerprint, or that somebody confirmed.

    Whoever sits between can show other ones, so nothing is believed that nobody has compared. Raises OperateError.
    """
    found = _scan(ssh_url)
    prints = {fingerprint(key): key for key in found}
    if expected:
        if expected not in prints:
            shown = ", ".join(prints)
            raise OperateError(f"--host-key {expected}: {name(ssh_url)} shows {shown}; do not go on before you know why")
        # The others are as much anybody's as before.
        return [prints[expected]]
    shown = "\n".join(f"  {print_} {key.split()[0]}" for print_, key in prints.items())
    if ask is None:
        raise OperateError(
            f"{name(ssh_url)} shows these SSH host keys, and nobody can be asked whether they are the forge's:\n{shown}\n"
            "give --host-keys FILE, or --host-key with the fingerprint that its administrator tells"
        )
    if ask(f"{name(ssh_url)} shows these SSH host keys:\n{shown}\nAre they the forge's? [yes/no] ").strip() != "yes":
        raise OperateError("the forge's host keys were not confirmed; nothing was made")
    return found


def _scan(ssh_url: str) -> list[str]:
    parts = urlsplit(ssh_url)
    host = str(parts.hostname)
    command = ["ssh-keyscan", "-T", str(SECONDS // 2), "-p", str(parts.port or 22), "--", host]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except FileNotFoundError:
        raise OperateError("ssh-keyscan is not on PATH; give the forge's SSH host keys: --host-keys FILE") from None
    except subprocess.TimeoutExpired:
        raise OperateError(f"{name(ssh_url)} shows no SSH host key in {SECONDS} s; give them: --host-keys FILE") from None
    lines = [line.split(maxsplit=1)[1] for line in answer.stdout.splitlines() if line and not line.startswith("#")]
    if not lines:
        raise OperateError(f"{name(ssh_url)} shows no SSH host key; give them: --host-keys FILE")
    return lines
