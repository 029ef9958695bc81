"""How commits are fetched: by git itself, with the stack's key or token and nothing of the person's own."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlsplit

from components.conventions import plain
from offline.needs.values import Forge, Needs, Repository
from operate.doctor.forge import fetch_token
from operate.doctor.http import Http, NoAnswerError
from operate.doctor.rows import Row, fine, unknown, wrong
from steps.forge import ForgeError

_SECONDS = 30
_APP = 'the App\'s permission "Contents: read", and what it is installed for (docs/real-clusters.md)'
_SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")


def rows(needs: Needs, http: Http) -> Iterator[Row]:
    """Yield whether each repository and its base branch can be fetched, and that nothing can be pushed by that."""
    forge = needs.forge
    by_ssh = forge.git_url.startswith("ssh:")
    lacks = [name for name in ("git", *(["ssh"] if by_ssh else [])) if shutil.which(name) is None]
    if lacks:
        yield unknown("commits can be fetched", f"{' and '.join(lacks)} is not on PATH here")
        return
    shared = "forge.ssh.privateKey" if by_ssh else "forge.https.token"
    for repository in forge.repositories:
        setting, key = forge.own.get(repository.name, (shared, forge.key if by_ssh else forge.git_token))
        if forge.fetches_by_app and forge.app:
            setting = "forge.app"
            if forge.app.key is None:
                yield unknown(f"{repository.name} is fetched", f"what opens it cannot be read from here: {setting}")
                continue
            try:
                key = fetch_token(http, forge, forge.app, repository)
            except (NoAnswerError, ForgeError) as error:
                what, passing = f"{repository.name} is fetched", isinstance(error, NoAnswerError) or error.passing
                yield unknown(what, str(error)) if passing else wrong(what, str(error), _APP)
                continue
        if {setting, "forge.ssh.knownHosts"} & {*forge.unread}:
            yield unknown(f"{repository.name} is fetched", f"what opens it cannot be read from here: {setting}")
            continue
        with TemporaryDirectory(prefix="doctor-") as folder:
            opened = replace(forge, key=key) if by_ssh else replace(forge, git_token=key)
            git = _ssh(opened, Path(folder), http) if by_ssh else _https(opened, Path(folder), http, needs.ca_bundle)
            git.run("init", "--quiet", ".")
            yield from _one(git, forge, repository, setting)


@dataclass(frozen=True)
class _Git:
    """git, with what opens the forge."""

    options: tuple[str, ...]
    env: Mapping[str, str]

    def run(self, *arguments: str) -> tuple[int, str]:
        """Return the exit code, and what git says about it."""
        try:
            done = subprocess.run(
                ["git", *self.options, *arguments], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=_SECONDS, cwd=self.env["HOME"],
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return 128, f"no answer in {_SECONDS} s"
        said = [plain(line).strip() for line in done.stderr.splitlines() if line.strip()]
        return done.returncode, "; ".join(line for line in said if not line.startswith("Please make sure"))


def _one(git: _Git, forge: Forge, repository: Repository, setting: str) -> Iterator[Row]:
    url = f"{forge.git_url}/{repository.name}.git"
    by_ssh = setting.startswith("forge.ssh.")
    for branch in repository.branches:
        what = f"{repository.name} is fetched, branch {branch}"
        code, said = git.run("ls-remote", "--exit-code", url, f"refs/heads/{branch}")
        if code == 2:
            yield wrong(what, "it has no such branch", "`baseBranch` of the application")
        elif code:
            mend = "forge.ssh.knownHosts" if "host key" in said.lower() else f"register {setting} there, to read alone"
            yield wrong(what, said, mend)
            return
        else:
            yield fine(what)
    # Deletes nothing: it is a dry run, and of a branch that is nowhere.
    code, said = git.run("push", "--dry-run", url, f":refs/heads/tekton-delivery-doctor-{secrets.token_hex(8)}")
    what = f"{setting} only reads {repository.name}"
    if code == 0 or "remote ref does not exist" in said:
        mend = "register the key without the right to write" if by_ssh else 'a token with "Contents: read" alone'
        yield wrong(what, "it may push, and pull-request code runs in the pod that holds it first", mend)
    else:
        yield fine(what)


def _environment(folder: Path) -> dict[str, str]:
    path = os.environ.get("PATH", os.defpath)
    own = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
    return {"PATH": path, "HOME": str(folder), "LC_ALL": "C", "GIT_ALLOW_PROTOCOL": "ssh:https:http", **own}


def _written(path: Path, text: str | None) -> Path:
    path.touch(mode=0o600)
    path.write_text(f"{(text or '').strip()}\n")
    return path


def _ssh(forge: Forge, folder: Path, http: Http) -> _Git:
    key, hosts = _written(folder / "key", forge.key), _written(folder / "known_hosts", forge.known_hosts)
    command = (
        f"ssh -F /dev/null -i {key} -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o ConnectTimeout=10 "
        f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={hosts} -o GlobalKnownHostsFile=/dev/null"
    )
    there = urlsplit(forge.git_url)
    if address := http.resolved(there.hostname or ""):
        name = f"[{there.hostname}]:{there.port}" if there.port not in (None, 22) else there.hostname
        command += f" -o Hostname={address} -o HostKeyAlias={name}"
    return _Git((), _environment(folder) | {"GIT_SSH_COMMAND": command})


def _https(forge: Forge, folder: Path, http: Http, authorities: str) -> _Git:
    there = urlsplit(forge.git_url)
    options = ["-c", "http.followRedirects=false", "-c", "credential.helper="]
    if forge.git_token:
        line = f"{there.scheme}://{forge.git_user}:{quote(forge.git_token.strip(), safe='')}@{there.netloc}"
        options += ["-c", f"credential.helper=store --file={_written(folder / 'credentials', line)}"]
    if authorities:
        system = _SYSTEM.read_text() if _SYSTEM.exists() else ""
        options += ["-c", f"http.sslCAInfo={_written(folder / 'authorities', f'{system}{authorities}')}"]
    if address := http.resolved(there.hostname or ""):
        port = there.port or {"https": 443, "http": 80}[there.scheme]
        options += ["-c", f"http.curloptResolve={there.hostname}:{port}:{address}"]
    return _Git(tuple(options), _environment(folder))
