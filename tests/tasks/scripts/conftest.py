"""Runs the steps' scripts in the shells and userlands that they meet, beside stubs that record how they are called."""

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from components.tasks.step import SCRIPTS
from tests.authority import Authority, authority

# The tools image has busybox alone; a laptop has dash or bash with GNU's commands.
SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"]}
# jq takes 30 ms to start: scripts that use it often are run as they run in the pipelines, and in one shell.
in_the_tools_images_shell = pytest.mark.parametrize("shell", ["busybox"], indirect=True)
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")

FIELD, CALL = "\x1f", "\x1e"

HOSTILE = (
    "two words",
    'it\'s "quoted"',
    "$(touch pwned) `touch pwned`",
    "--help",
    "; touch pwned #",
    "a\\nb\\tc *",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here runs scripts."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("scripts")


@dataclass
class Result:
    """How a script ended."""

    code: int
    out: str
    err: str


@dataclass
class Sandbox:
    """A folder with stub commands, where scripts run with nothing but the environment they are given."""

    root: Path
    shell: list[str]
    userland: Path
    path: list[Path] = field(init=False)

    def __post_init__(self) -> None:
        self.bin.mkdir()
        self.work.mkdir()
        self.path = [self.bin, self.userland]
        for command in ("git", "jq", "openssl"):
            found = shutil.which(command)
            if found and not (self.userland / command).exists():
                (self.bin / command).symlink_to(found)

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def work(self) -> Path:
        """Where scripts run; a hostile value that is executed leaves a file here."""
        return self.root / "work"

    def file(self, name: str, content: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def stub(self, name: str, body: str = "") -> None:
        """Put a command on PATH that records its arguments and then does as `body` says."""
        # In a single write: in a pipeline several of them run at once.
        text = (
            "#!/bin/sh\n"
            f'call=$(printf %s {name}; for argument; do printf "\\037%s" "$argument"; done; printf "\\036.")\n'
            f"printf %s \"${{call%.}}\" >>'{self.root}/calls'\n{body}\n"
        )
        path = self.bin / name
        path.unlink(missing_ok=True)  # it may be a link to the real command
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> list[list[str]]:
        """The stubs' calls in order: name and arguments."""
        path = self.root / "calls"
        text = path.read_text() if path.exists() else ""
        return [call.split(FIELD) for call in text.split(CALL) if call]

    def called(self, name: str) -> list[list[str]]:
        """The arguments of each call of one stub."""
        return [call[1:] for call in self.calls if call[0] == name]

    def run(self, script: str, **env: str | Path) -> Result:
        """Run `scripts/<script>.sh` with this environment alone."""
        return self._ended(self._start(script, env))

    def _start(self, script: str, env: Mapping[str, str | Path]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.shell, str(SCRIPTS / f"{script}.sh")],
            env={"PATH": os.pathsep.join(map(str, self.path)), "HOME": "/nonexistent"}
            | {name: str(value) for name, value in env.items()},
            cwd=self.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _ended(self, process: subprocess.Popen[str]) -> Result:
        try:
            out, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        assert list(self.work.glob("**/pwned")) == [], "a value was executed"
        return Result(process.returncode, out, err)


@pytest.fixture(scope="session", params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """A shell and the folder with the commands that it finds."""
    name = request.param
    binary = shutil.which(name)
    if binary is None:
        pytest.skip(f"{name} is not installed")
    if name != "busybox":
        return [binary], Path("/usr/bin")
    folder = tmp_path_factory.mktemp("busybox")
    applets = subprocess.run([binary, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in applets:
        (folder / applet).symlink_to(binary)
    return [binary, "sh"], folder


@pytest.fixture
def sandbox(tmp_path: Path, shell: tuple[list[str], Path]) -> Sandbox:
    command, userland = shell
    return Sandbox(tmp_path, command, userland)


# A stand-in for ssh: the last argument is what git wants to run on the forge.
SSH = 'for command; do :; done\nexec sh -c "$command"'


# What fetch.sh is given of the settings, by default.
FETCH = {"PARAM_FETCH_DEPTH": "1", "PARAM_FETCH_TAGS": "false", "PARAM_PATHS": "", "RESULT_REASON_PATH": "/nowhere/reason"}


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody, with nobody's configuration."""
    author = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example",
    }
    env = author | {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(folder)}
    done = subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two commits; the first is what a pull request's head is: a commit that need not be a branch."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    repository = tmp_path_factory.mktemp("forge")
    git(repository, "init", "--quiet", "--initial-branch=main")
    for subject, content in (("First $(touch pwned) \\n", "first"), ("Second", "second")):
        (repository / "file").write_text(content)
        git(repository, "add", "file")
        git(repository, "commit", "--quiet", "--message", subject)
    git(repository, "config", "uploadpack.allowFilter", "true")
    return repository


@pytest.fixture(scope="session")
def head(forge: Path) -> str:
    return git(forge, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base` with two commits, and `side`; `commit` is set by each test, with `commit.at`."""
    folder = tmp_path_factory.mktemp("history")
    git(folder, "init", "--quiet", "--initial-branch=base")
    for name in ("first", "second"):
        (folder / "file").write_text(name)
        git(folder, "add", "file")
        git(folder, "commit", "--quiet", "--message", name)
    git(folder, "branch", "side", "base~1")
    git(folder, "checkout", "--quiet", "side")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "beside")
    return folder


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("company"), "company")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """What stands for an authority that the system believes."""
    return authority(tmp_path_factory.mktemp("public"), "public")
