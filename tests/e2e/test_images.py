"""The images in the cache, file by file, and the BuildKit that makes them: without a network, and gone after it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from images import build, buildkit
from images.buildkit import Build
from local import tools
from local.errors import UserError
from local.paths import ROOT
from local.progress import Progress
from tests.images.archives import Archive

GOLDEN = ROOT / "tests" / "golden" / "images"
QUIET = Progress(write=lambda text: None, tty=False)
PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
CONFIGS = {
    "base": {"User": "65532:65532", "Env": [PATH], "Entrypoint": None, "Cmd": ["sh"], "WorkingDir": "/"},
    "builder": {"User": "0:0", "Env": [PATH], "Entrypoint": None, "Cmd": ["buildctl", "--version"], "WorkingDir": "/"},
    "tools": {
        "User": "65532:65532",
        "Env": [PATH],
        "Entrypoint": ["/usr/bin/serve-placeholder"],
        "Cmd": None,
        "WorkingDir": "/",
    },
}
# Every form that a RUN could leave something behind in, or look out by.
DOCKERFILE = """
FROM scratch
COPY --from=host busybox /bin/
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox mkdir -p /made && /bin/busybox date >/made/constant && echo >/made/constant"]
RUN ["/bin/busybox", "sh", "-c", "! /bin/busybox ip route | /bin/busybox grep ."]
"""


@pytest.mark.parametrize("name", CONFIGS)
def test_an_image_holds_what_it_is_known_to_hold(name: str) -> None:
    """Else: is that meant? Then `git diff` shows it after `python -m tests.golden.make_images`."""
    folders = tools.ensure(build.tools_of([name]), QUIET)
    image = Archive(build.ensure(folders, QUIET, [name])[name].archive)
    assert image.listing() == (GOLDEN / f"{name}.txt").read_text().splitlines()
    assert {key: image.config.get(key) for key in CONFIGS[name]} == CONFIGS[name]
    assert "busybox-static=" in image.config["Labels"]["debian.packages"]
    assert image.image["created"] == "1970-01-01T00:00:00Z"
    assert {member.mtime for member in image.members().values()} == {0}


@pytest.fixture
def dockerfile(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path / "source" / "Dockerfile"


def traces() -> set[str]:
    """What a build could leave on this machine: its mounts and control groups. Those of others come and go meanwhile."""
    groups = Path("/sys/fs/cgroup")
    mounts = {line for line in Path("/proc/self/mounts").read_text().splitlines() if "buildkit" in line}
    return mounts | {str(path) for path in (*groups.glob("*images-*"), *groups.glob("*/*images-*"))}


def daemons(folder: Path) -> list[str]:
    """Processes with this folder in their command."""
    found = subprocess.run(["pgrep", "--full", "--list-full", str(folder)], capture_output=True, text=True)
    return [line for line in found.stdout.splitlines() if "buildkitd" in line or "runc" in line]


def test_the_same_content_is_the_same_digest_and_nothing_is_left(dockerfile: Path, tmp_path: Path) -> None:
    before, digests = traces(), []
    for number in range(2):
        scratch = tmp_path / f"scratch-{number}"
        scratch.mkdir()
        with buildkit.started(tools.ensure(buildkit.TOOLS, QUIET), scratch) as engine:
            archive = tmp_path / f"{number}.tar"
            # Whatever the machine's clock says.
            time.sleep(number)
            what = Build(dockerfile, "", {"host": Path("/bin")}, labels={"a": "b"})
            engine.build(what, "registry.example:5000/made:1", archive)
            assert daemons(scratch), "a control"
        digests.append(build.read_digest(archive))
        assert daemons(scratch) == []
        assert list((scratch / "buildkit").iterdir()) == [], "its state was in memory"
    assert digests[0] == digests[1]
    assert traces() == before
    assert Archive(archive).config["Labels"] == {"a": "b"}


def test_a_context_that_is_missing_is_not_looked_for_elsewhere(dockerfile: Path, tmp_path: Path) -> None:
    started = buildkit.started(tools.ensure(buildkit.TOOLS, QUIET), tmp_path)
    with started as engine, pytest.raises(UserError, match=r"docker\.io"):
        engine.build(Build(dockerfile, ""), "registry.example:5000/made:1", tmp_path / "made.tar")
    assert not (tmp_path / "made.tar").exists()


def test_who_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from images import buildkit; from local import tools;"
        "from local.progress import Progress; folders = tools.ensure(buildkit.TOOLS, Progress(write=lambda text: None));\n"
        "with buildkit.started(folders, Path(sys.argv[1])): print('runs', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, tmp_path]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        assert daemons(tmp_path), "a control"
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 5
    while daemons(tmp_path) and time.monotonic() < end:
        time.sleep(0.05)
    assert daemons(tmp_path) == []
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
