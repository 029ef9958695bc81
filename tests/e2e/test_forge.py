"""The embedded forge on the running cluster: who may read, who may write, as whom it runs."""

import os
import secrets
import subprocess
from pathlib import Path

import httpx
import pytest

from local.cluster import Cluster
from local.forge import secret_files, setup
from local.forge.api import ApiError
from local.forge.client import Gitea
from local.forge.config import UID
from local.forge.server import COMPONENT
from local.forge.setup import ENVIRONMENTS, REPOSITORY, ForgeState
from local.progress import Progress


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture(scope="module")
def forge(cluster: Cluster) -> ForgeState:
    return setup.ensure(cluster, Progress(tty=False))


def git(forge: ForgeState, cluster: Cluster, key: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run git over SSH with one key, and with the host key that the pipelines check against."""
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(forge.known_hosts),
        # Only pods know the forge by its name.
        "HostName": cluster.node_ip,
        "HostKeyAlias": "[forge.internal]:2222",
    }
    ssh = ["ssh", "-F", os.devnull, "-i", str(key), *(f"-o{name}={value}" for name, value in options.items())]
    who = {f"GIT_{role}_{what}": "somebody@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {"PATH": os.environ["PATH"], "GIT_SSH_COMMAND": " ".join(ssh), "GIT_TERMINAL_PROMPT": "0", **who}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def test_the_deploy_key_reads_and_cannot_write(forge: ForgeState, cluster: Cluster, tmp_path: Path) -> None:
    cloned = git(forge, cluster, forge.deploy_key, "clone", forge.ssh_url, "clone", cwd=tmp_path)
    assert cloned.returncode == 0, cloned.stderr
    checkout = tmp_path / "clone"
    assert (checkout / "Dockerfile").exists()
    git(forge, cluster, forge.deploy_key, "commit", "--allow-empty", "--message", "Mine", cwd=checkout)
    branch = f"HEAD:refs/heads/{secrets.token_hex(4)}"
    pushed = git(forge, cluster, forge.deploy_key, "push", "origin", branch, cwd=checkout)
    assert pushed.returncode != 0
    assert "not authorized to write" in pushed.stderr


def test_a_private_repository_is_closed_to_everybody_else(forge: ForgeState, cluster: Cluster, tmp_path: Path) -> None:
    secret_files.ensure_key_pair(tmp_path / "stranger", "stranger")
    cloned = git(forge, cluster, tmp_path / "stranger", "clone", forge.ssh_url, "clone", cwd=tmp_path)
    assert cloned.returncode != 0
    assert "Permission denied (publickey)" in cloned.stderr
    for path in (REPOSITORY, f"api/v1/repos/{REPOSITORY}", f"{REPOSITORY}.git/info/refs?service=git-upload-pack"):
        assert httpx.get(f"{forge.url}/{path}", trust_env=False).status_code in (401, 404)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_reporter_sets_statuses_and_nothing_else_on_main(forge: ForgeState, environment: str) -> None:
    reporter = Gitea(forge.url, token=forge.status_tokens[environment].read_text().strip())
    head = forge.developer.head(REPOSITORY, "main")
    context = f"test/{secrets.token_hex(4)}"
    reporter.set_status(REPOSITORY, head, context, "success", description="seen")
    assert forge.developer.statuses(REPOSITORY, head)[context].description == "seen"
    with pytest.raises(ApiError, match="cannot commit"):
        reporter.commit(REPOSITORY, "main", "Mine", {"message.txt": "mine\n"})
    for path in (f"/repos/{REPOSITORY}/hooks", f"/repos/{REPOSITORY}/keys", "/admin/users"):
        with pytest.raises(ApiError, match="the forge answered 403"):
            reporter.call("GET", path, f"read {path}")


def test_it_runs_without_any_privilege(forge: ForgeState, cluster: Cluster) -> None:
    pid = (cluster.state / "pids" / f"{COMPONENT}.pid").read_text().split()[0]
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["Uid"].split() == [str(UID)] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}


def test_setting_it_up_again_only_looks(forge: ForgeState, cluster: Cluster) -> None:
    log = cluster.state / "logs" / f"{COMPONENT}.log"
    before = log.stat().st_size
    setup.ensure(cluster, Progress(tty=False))
    with log.open() as file:
        file.seek(before)
        requests = [line for line in file if "router: completed" in line]
    assert requests
    # A pipeline of an earlier test may still report.
    told = ("/statuses/", "/comments")
    assert [line for line in requests if " GET " not in line and not any(part in line for part in told)] == []
