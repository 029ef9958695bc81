"""The sample application's own tests pass, and fail when they should."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "local" / "chespirito"
BUSYBOX = shutil.which("busybox")

pytestmark = pytest.mark.skipif(BUSYBOX is None, reason="needs busybox")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "chespirito"))


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    # Debian's minimal sh, as in the tools image; a temporary folder of the test's own.
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(checkout.parent)}
    return subprocess.run(["sh", checkout / "test.sh"], env=environment, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("message", [None, 'a & b <c> "q" $HOME `x` \\n\n'])
def test_they_pass(checkout: Path, message: str | None) -> None:
    if message is not None:
        (checkout / "message.txt").write_text(message)
    result = run(checkout)
    assert result.returncode == 0, result.stdout
    assert result.stdout.endswith("1..8\n")


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("message.txt", "\n", "not ok 1 - the message has text"),
        ("message.txt", "TODO: say something\n", "not ok 2 - the message is finished"),
        ("render.sh", "exit 1\n", "not ok 3 - the site renders"),
        ("serve.sh", "exit 1\n", "not ok 4 - the server answers that it is healthy"),
    ],
)
def test_they_fail(checkout: Path, file: str, content: str, complaint: str) -> None:
    (checkout / file).write_text(content)
    result = run(checkout)
    assert result.returncode == 1
    assert complaint in result.stdout


def test_they_leave_nothing_behind(checkout: Path) -> None:
    run(checkout)
    assert [path.name for path in checkout.parent.iterdir()] == ["chespirito"]
