"""What the other tests here stand on: the record of the stubs' calls."""

import subprocess

from tests.tasks.scripts.conftest import Sandbox


def test_stubs_that_run_at_once_are_recorded_one_by_one(sandbox: Sandbox) -> None:
    sandbox.stub("left")
    sandbox.stub("right")
    for _ in range(40):
        command = [*sandbox.shell, "-c", "left a 'b c' | right | left ''"]
        subprocess.run(command, env={"PATH": f"{sandbox.bin}:/usr/bin:/bin"}, check=True)
    assert sorted(sandbox.calls) == 40 * [["left", ""]] + 40 * [["left", "a", "b c"]] + 40 * [["right"]]
