"""How steps fetch commits: over SSH with a deploy key, over HTTPS with a token or, of public repositories, without one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from components.conventions import Manifest
from components.credential import BASIC_AUTH, SSH_DIRECTORY, Credential, KeyOfSecret

PATH = "/credentials/git"

# No configuration but this is read, and nobody is asked for what is missing.
_ENV = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}

# git's `store` helper, asked for the token and not told that it was the right one: it would try to write that down.
_HELPER = f'!f() {{ [ "$1" != get ] || git credential-store --file={PATH}/.git-credentials get; }}; f'

# The same with a file that has the token alone.
_TOKEN_HELPER = (
    f'!f() {{{{ [ "$1" != get ] || {{{{ echo username={{username}}; printf password=; cat {PATH}/token; echo; }}}}; }}}}; f'
)


@dataclass(frozen=True, kw_only=True)
class Git:
    """What the steps that fetch take along. Workspaces and their keys are called as those of Tekton's git-clone Task."""

    env: Mapping[str, str]
    """Makes git fetch in this one way, and do nothing else."""
    credential: Credential | None
    """What a run binds to the workspace of the same name; None where none is needed."""
    files: tuple[str, ...] = ()
    """What is in the workspace where each pipeline says in which Secret it is; none where one Secret has it for all."""

    def workspaces(self) -> Manifest:
        """Return what a Task declares that fetches; only a step that lists the workspace mounts it."""
        if not self.credential:
            return {}
        return {"workspaces": [{"name": self.credential.name, "description": "what git fetches with", "readOnly": True}]}

    def mounts(self) -> list[Manifest]:
        """Return the workspaces of a step that fetches."""
        return [{"name": self.credential.name, "mountPath": PATH}] if self.credential else []

    def bound(self) -> Manifest | None:
        """Return the workspace of a run; None where none is needed."""
        return binding(self.credential.name, by_params=bool(self.files)) if self.credential else None

    def with_params(self, task: Manifest) -> Manifest:
        """Return a Task's spec that is told where its workspace's files are, if it has the workspace."""
        if not self.files or "workspaces" not in task:
            return task
        # The defaults are for runs that the last release started, whose workspace names its Secret.
        told = [
            {"name": name, "type": "string", "default": "", "description": text}
            for file in self.files
            for name, text in zip(_PARAMS[file], (f"the Secret with {file}", "which of its keys that is"), strict=True)
        ]
        return task | {"params": [*task["params"], *told]}


def token_key(repository: str) -> str:
    """Return the key by which a Secret with tokens of several repositories has one's: `acme.shop`. Owners have no dot."""
    return repository.lower().replace("/", ".")


SSH_KEY, SSH_HOSTS, TOKEN = "ssh-privatekey", "known_hosts", "token"
# A file, and the params that tell its Secret and its key.
_PARAMS = {
    SSH_KEY: ("git-secret-name", "git-secret-key"),
    SSH_HOSTS: ("known-hosts-secret-name", "known-hosts-secret-key"),
    TOKEN: ("git-secret-name", "git-secret-key"),
}
NAMES = frozenset(name for names in _PARAMS.values() for name in names)
_FILES = {SSH_DIRECTORY.name: (SSH_KEY, SSH_HOSTS), BASIC_AUTH.name: (TOKEN,)}


def binding(workspace: str, *, by_params: bool) -> Manifest:
    """Return the workspace of a run: the Secret of its name, or what the pipeline tells each of its tasks.

    Tekton puts a task's own params into the bindings that its TaskRun has, so that no run, and no event, says which Secret.
    """
    if not by_params:
        return {"name": workspace, "secret": {"secretName": workspace}}
    by_name = {each.name: each for each in (SSH_DIRECTORY, BASIC_AUTH)}
    held = {}
    for file in _FILES[workspace]:
        secret, key = (f"$(params.{name})" for name in _PARAMS[file])
        held[file] = KeyOfSecret(secret=secret, key=key)
    return by_name[workspace].drawn(held)


def told(held: Mapping[str, KeyOfSecret]) -> dict[str, str]:
    """Return the values of those params; `held` says of each file where it is."""
    return {name: value for file, at in held.items() for name, value in zip(_PARAMS[file], (at.secret, at.key), strict=True)}


def is_told(given: Mapping[str, str]) -> bool:
    """Return whether a task with these params is told where the files are."""
    return _PARAMS[SSH_KEY][0] in given


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


def each_its_own(git: Git) -> Git:
    """Return the same way with files that lie where each pipeline says."""
    return replace(git, files=_FILES[git.credential.name]) if git.credential else git


def over_https(*, url: str, authenticated: bool, username: str | None = None) -> Git:
    """Return the way over HTTPS to a forge's URL; with a `username` the token is a file of its own.

    The `store` helper hands the token to the forge's own host and to no other one; git asks the other helper for that alone.
    """
    scheme, host, *_ = urlsplit(url)
    settings = {"http.followRedirects": "false"}
    if authenticated and username is None:
        settings["credential.helper"] = _HELPER
    elif authenticated:
        settings[f"credential.{scheme}://{host}.helper"] = _TOKEN_HELPER.format(username=username)
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (name, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{index}": name, f"GIT_CONFIG_VALUE_{index}": value}
    # As with ssh above, a forge that does not answer ends the step: less than a byte a second for a minute.
    patience = {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "60"}
    return Git(env=_ENV | {"GIT_ALLOW_PROTOCOL": scheme} | patience | env, credential=BASIC_AUTH if authenticated else None)
