"""Gitea as a process of the cluster: prepared, started, and given its administrator."""

import base64
import os
import secrets
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import httpx

from local.cluster.names import EMBEDDED
from local.cluster.network import POOL
from local.errors import UserError
from local.forge import secret_files
from local.forge.administration import Administration
from local.forge.config import HOST, HTTP_PORT, PROGRAM, SSH_PORT, STATE, UID, USER, Config

COMPONENT = "forge"
ADMINISTRATOR = "forge-admin"

_ENTER = Path(__file__).with_name("enter.sh")
_GITEA = (str(PROGRAM / "gitea"), "--config", str(STATE / "app.ini"))
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host(Protocol):
    """What the forge needs of a cluster."""

    @property
    def state(self) -> Path: ...

    @property
    def node_ip(self) -> str: ...

    def spawn(
        self,
        component: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool],
        files: Sequence[Path] = (),
    ) -> None: ...

    def stop(self, component: str) -> None: ...


class Forge:
    """One cluster's Gitea."""

    def __init__(self, host: Host, program: Path) -> None:
        """`program` is the folder with the `gitea` binary and its `options`, `templates` and `public`."""
        self._host = host
        self._program = program
        self.state = host.state / "forge"

    @property
    def url(self) -> str:
        """Where it answers, from the host and from pods; pods also find it as forge.internal."""
        return f"http://{self._host.node_ip}:{HTTP_PORT}"

    @property
    def known_hosts(self) -> str:
        """The line by which SSH clients recognise it: read from its key on this disk, not asked of the network."""
        kind, key = (self.state / "host_ed25519.pub").read_text().split()[:2]
        return f"[{HOST}]:{SSH_PORT} {kind} {key}\n"

    def start(self) -> None:
        """Start it unless it runs as configured."""
        self._prepare()
        self._host.spawn(
            COMPONENT,
            self._command("web"),
            ready=self.healthy,
            files=(self.state / "app.ini", _ENTER),
        )

    def stop(self) -> None:
        """End it. Repositories and users stay."""
        self._host.stop(COMPONENT)

    def healthy(self) -> bool:
        """Whether its database, its pages and its SSH server work."""
        try:
            with httpx.Client(trust_env=False, timeout=3.0) as client:
                if client.get(f"{self.url}/api/healthz").status_code != httpx.codes.OK:
                    return False
            with socket.create_connection((self._host.node_ip, SSH_PORT), timeout=3.0) as connection:
                return connection.recv(4) == b"SSH-"
        except (OSError, httpx.HTTPError):
            return False

    def administration(self, password: str) -> Administration:
        """The API as the administrator, who is made, or given this password, if need be."""
        api = Administration(self.url, user=ADMINISTRATOR, password=password)
        if not api.accepts(ADMINISTRATOR, password):
            self._admit(password)
        return api

    def _admit(self, password: str) -> None:
        """Set the administrator's password with a token: every user of the machine sees a command's arguments."""
        email = f"{ADMINISTRATOR}@{HOST}"
        created = self._run(
            "admin", "user", "create", "--admin", "--random-password", "--username", ADMINISTRATOR, "--email", email
        )
        if created.returncode != 0 and "already exists" not in created.stderr + created.stdout:
            raise UserError(f"The forge's administrator cannot be made:\n{_end(created)}")
        name = f"first-password-{secrets.token_hex(4)}"
        token = self._run(
            "admin", "user", "generate-access-token", "--raw", "--username", ADMINISTRATOR, "--token-name", name,
            "--scopes", "write:admin",
        )  # fmt: skip
        if token.returncode != 0:
            raise UserError(f"The forge gives no token for its administrator:\n{_end(token)}")
        Administration(self.url, token=token.stdout.split()[-1]).set_password(ADMINISTRATOR, password)
        Administration(self.url, user=ADMINISTRATOR, password=password).call(
            "DELETE", f"/users/{ADMINISTRATOR}/tokens/{name}", "delete the token that set the administrator's password"
        )

    def _prepare(self) -> None:
        """Folders, keys and configuration: what is there stays, but the configuration is always today's."""
        for folder in (self.state, *(self.state / name for name in ("data", "home", "tmp"))):
            folder.mkdir(mode=0o700, exist_ok=True)
        key = self.state / "host_ed25519"
        secret_files.ensure_key_pair(key, HOST)
        for name in ("secret_key", "internal_token", "jwt_secret"):
            if not (self.state / name).exists():
                # The form that Gitea demands of the last of them.
                text = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
                secret_files.write(self.state / name, text)
        config = Config(address=self._host.node_ip, webhook_targets=(str(POOL), EMBEDDED.service_network)).render()
        if not (self.state / "app.ini").exists() or (self.state / "app.ini").read_text() != config:
            secret_files.write(self.state / "app.ini", config)
        for path in (self.state, *self.state.iterdir()):
            os.chown(path, UID, UID, follow_symlinks=False)

    def _command(self, *arguments: str) -> list[str]:
        enter = ["unshare", "--mount", "sh", str(_ENTER), str(self._program), str(self.state), str(UID), USER]
        return [*enter, *_GITEA, *arguments]

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command on Gitea's database."""
        return subprocess.run(self._command(*arguments), env={"PATH": _PATH}, capture_output=True, text=True)


def _end(result: subprocess.CompletedProcess[str]) -> str:
    lines = (result.stdout + result.stderr).strip().splitlines()[-10:]
    return "\n".join(f"  {line}" for line in lines)
