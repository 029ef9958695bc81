"""The forge's configuration: what is fixed about it, and the file that Gitea reads."""

from dataclasses import dataclass
from pathlib import Path
from string import Template

HOST = "forge.internal"
HTTP_PORT = 3000
SSH_PORT = 2222

# Outside the ranges that Debian and systemd hand out, and without an entry in /etc/passwd.
UID = 65530
USER = "gitea"

# Where Gitea's own mount namespace shows its folders (enter.sh).
PROGRAM = Path("/mnt/gitea")
STATE = Path("/mnt/forge")

_TEMPLATE = Path(__file__).with_name("app.ini")


@dataclass(frozen=True)
class Config:
    """What differs between two forges."""

    address: str
    """The one address it listens on."""
    webhook_targets: tuple[str, ...]
    """Addresses and networks that webhooks may be sent to."""
    http_port: int = HTTP_PORT
    ssh_port: int = SSH_PORT

    def render(self) -> str:
        """The content of app.ini."""
        return Template(_TEMPLATE.read_text()).substitute(
            user=USER,
            program=PROGRAM,
            state=STATE,
            host=HOST,
            address=self.address,
            http_port=self.http_port,
            ssh_port=self.ssh_port,
            webhook_targets=", ".join(self.webhook_targets),
        )
