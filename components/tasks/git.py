"""How steps fetch commits: over SSH with a deploy key, over HTTPS with a token or, of public repositories, without one."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import Manifest
from components.credential import BASIC_AUTH, SSH_DIRECTORY, Credential

PATH = "/credentials/git"

# No configuration but this is read, and nobody is asked for what is missing.
_ENV = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}

# git's `store` helper, asked for the token and not told that it was the right one: it would try to write that down.
_HELPER = f'!f() {{ [ "$1" != get ] || git credential-store --file={PATH}/.git-credentials get; }}; f'


@dataclass(frozen=True, kw_only=True)
class Git:
    """What the steps that fetch take along. Workspaces and their keys are called as those of Tekton's git-clone Task."""

    env: Mapping[str, str]
    """Makes git fetch in this one way, and do nothing else."""
    credential: Credential | None
    """What a run binds to the workspace of the same name; None where none is needed."""

    def workspaces(self) -> Manifest:
        """Return what a Task declares that fetches; only a step that lists the workspace mounts it."""
        if not self.credential:
            return {}
        return {"workspaces": [{"name": self.credential.name, "description": "what git fetches with", "readOnly": True}]}

    def mounts(self) -> list[Manifest]:
        """Return the workspaces of a step that fetches."""
        return [{"name": self.credential.name, "mountPath": PATH}] if self.credential else []


# A missing known_hosts fails; it is not trusted on first use.
SSH = Git(
    env=_ENV
    | {
        "GIT_ALLOW_PROTOCOL": "ssh",
        "GIT_SSH_COMMAND": f"ssh -F /dev/null -i {PATH}/ssh-privatekey -o IdentitiesOnly=yes -o BatchMode=yes "
        f"-o UserKnownHostsFile={PATH}/known_hosts -o StrictHostKeyChecking=yes -o ConnectTimeout=15",
    },
    credential=SSH_DIRECTORY,
)


def over_https(*, scheme: str, authenticated: bool) -> Git:
    """Return the way over HTTPS; `scheme` is that of the forge's URL.

    The `store` helper hands the token to the forge's own host and to no other one.
    """
    settings = {"http.followRedirects": "false"}
    if authenticated:
        settings["credential.helper"] = _HELPER
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (name, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{index}": name, f"GIT_CONFIG_VALUE_{index}": value}
    # As with ssh above, a forge that does not answer ends the step: less than a byte a second for a minute.
    patience = {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "60"}
    return Git(env=_ENV | {"GIT_ALLOW_PROTOCOL": scheme} | patience | env, credential=BASIC_AUTH if authenticated else None)
