"""The forge as the demo and the tests want it: an organization with the sample application, and who works on it."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from local import tools
from local.forge import secret_files
from local.forge.administration import Administration
from local.forge.api import ApiError
from local.forge.client import Gitea
from local.forge.server import ADMINISTRATOR, Forge, Host
from local.paths import ROOT, SECRETS
from local.progress import Progress

OWNER = "acme"
REPOSITORY = f"{OWNER}/chespirito"
DEVELOPER = "alice"
# Tells who may write to the repository. Gitea answers that to a repository's administrators alone.
READER = "permission-reader"
REPORTER = "reporter-"
# The deploy key's title.
KEY = "tekton-delivery"
ENVIRONMENTS = ("staging", "production")

_SAMPLE = ROOT / "local" / "chespirito"


@dataclass(frozen=True)
class ForgeState:
    """A running forge and what was set up on it."""

    url: str
    """Where it answers, from the host."""
    repository: str
    ssh_url: str
    clone_url: str
    """Where pods clone from, over SSH and over HTTP."""
    admin: Administration
    developer: Gitea
    """As alice, who opens and merges pull requests."""
    deploy_key: Path
    known_hosts: Path
    status_tokens: dict[str, Path]
    """Environment → file with the token that its reporter sets statuses and writes comments with."""

    def ensure_webhook(self, environment: str, url: str, secret: str) -> None:
        """Tell an environment's listener about pull requests and pushes."""
        self.admin.ensure_webhook(self.repository, environment, url, secret)


def ensure(cluster: Host, progress: Progress, *, secrets: Path = SECRETS) -> ForgeState:
    """Start the forge and set up what is missing. A second call changes nothing."""
    forge = Forge(cluster, tools.ensure(["gitea"], progress)["gitea"])
    with nullcontext() if forge.healthy() else progress.step("Start the forge"):
        forge.start()
    reporters = {environment: f"{REPORTER}{environment}" for environment in ENVIRONMENTS}
    users = (DEVELOPER, READER, *reporters.values())
    passwords = secret_files.ensure_passwords(secrets / "forge.json", (ADMINISTRATOR, *users))
    admin = forge.administration(passwords[ADMINISTRATOR])
    for user in users:
        admin.ensure_user(user, passwords[user])
    admin.ensure_organization(OWNER)
    deploy_key = secrets / "ssh" / "id_ed25519"
    secret_files.ensure_key_pair(deploy_key, KEY)
    ensure_repository(admin, REPOSITORY, sample_files(), deploy_key, progress)
    _ensure_token(admin, READER, secrets / "forge-reader-token", "read:repository", "read:issue")
    known_hosts = secrets / "ssh" / "known_hosts"
    secret_files.write_if_changed(known_hosts, forge.known_hosts)
    ssh_url, clone_url = admin.clone_urls(REPOSITORY)
    return ForgeState(
        url=forge.url,
        repository=REPOSITORY,
        ssh_url=ssh_url,
        clone_url=clone_url,
        admin=admin,
        developer=Gitea(forge.url, user=DEVELOPER, password=passwords[DEVELOPER]),
        deploy_key=deploy_key,
        known_hosts=known_hosts,
        status_tokens={
            environment: _ensure_token(
                admin, user, secrets / f"forge-token-{environment}", "write:repository", "write:issue"
            )
            for environment, user in reporters.items()
        },
    )


def ensure_repository(
    admin: Administration, repository: str, files: Mapping[str, bytes], deploy_key: Path, progress: Progress
) -> None:
    """A repository of an application, with who works on it and what the pipelines know of it."""
    if admin.ensure_repository(repository):
        name = repository.partition("/")[2]
        with progress.step(f"Put the application {name} into {repository}"):
            admin.commit(repository, "main", f"Add {name}", files)
    for user in (DEVELOPER, *(f"{REPORTER}{environment}" for environment in ENVIRONMENTS)):
        # Gitea lets nobody set a status who may not write.
        admin.ensure_collaborator(repository, user, "write")
    admin.ensure_collaborator(repository, READER, "admin")
    admin.ensure_protection(repository, "main", [ADMINISTRATOR, DEVELOPER])
    admin.ensure_deploy_key(repository, KEY, secret_files.ensure_key_pair(deploy_key, KEY))


def sample_files() -> dict[str, bytes]:
    """The sample application as its repository holds it."""
    return files_below(_SAMPLE)


def files_below(folder: Path) -> dict[str, bytes]:
    """What a repository holds that is made of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _ensure_token(admin: Administration, user: str, path: Path, *scopes: str) -> Path:
    """A file with a working token of the user's, for repositories and their comments: Gitea has no narrower scopes."""
    if not (
        path.exists()
        and _works(admin.url, path.read_text().strip(), comments=any(scope.endswith(":issue") for scope in scopes))
    ):
        secret_files.write(path, admin.new_token(user, "tekton-delivery", scopes) + "\n")
    return path


def _works(url: str, token: str, *, comments: bool) -> bool:
    try:
        forge = Gitea(url, token=token)
        forge.clone_urls(REPOSITORY)
        if comments:
            forge.find(f"/repos/{REPOSITORY}/issues/comments?limit=1", "see whether comments may be read")
    except ApiError:
        return False
    return True
