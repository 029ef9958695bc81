"""Runs the steps in process, with nothing but the environment that they are given; and as their Tasks start them."""

import contextlib
import io
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from unittest import mock

import pytest

from components import sources
from components.tasks import python
from steps.__main__ import ended, main
from tests.authority import authority
from tests.steps.api import Cluster
from tests.steps.report import Reporter
from tests.steps.server import Api, Forge, serving
from tests.support import ROOT
from tests.tasks.scripts.conftest import HOSTILE, SSH, Result, company, forge, git, head, public, repository
from tests.tasks.scripts.conftest import Sandbox as Scripts

__all__ = ["HOSTILE", "SSH", "company", "forge", "git", "head", "public", "repository"]


class Sandbox(Scripts):
    """A folder with stub commands beside the system's, and maybe a cluster."""

    cluster: Cluster | None = None

    def serve(self, image: str, notes: dict[str, str] | None = None) -> Cluster:
        """Make the cluster, or another one."""
        self.close()
        self.cluster = Cluster(self.root, image=image, notes=notes)
        return self.cluster

    def close(self) -> None:
        if self.cluster:
            self.cluster.close()

    def step(self, name: str, **env: str | Path) -> Result:
        """Run a step in this process."""
        return self._called(lambda: main([name], self.given(env)), env)

    def part(self, function: Callable[[Mapping[str, str]], None], **env: str | Path) -> Result:
        """Call a part of a step as the step does, with what its environment is."""
        return self._called(lambda: ended(lambda: function(self.given(env))), env)

    def _called(self, function: Callable[[], int], env: Mapping[str, str | Path]) -> Result:
        out, err = io.StringIO(), io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
        path = self.given(env) | {"PATH": os.pathsep.join(map(str, self.path))}
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                contextlib.chdir(self.work),
                mock.patch.dict(os.environ, path),
            ):
                code = function()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert list(self.work.glob("**/pwned")) == [], "a value was executed"
        return Result(code, out.getvalue(), err.getvalue())

    def started(self, name: str, **env: str | Path) -> subprocess.Popen[str]:
        """Start a step as its Task does, from where its modules are."""
        here = python.LOADER.replace(f'"{sources.FOLDER}"', repr(str(sources.SOURCES)))
        return self._start_python([*python.COMMAND[1:-1], here, *python.arguments(name)], env)

    def _start_python(self, arguments: list[str], env: Mapping[str, str | Path]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env={"PATH": os.pathsep.join(map(str, self.path)), "HOME": "/nonexistent"} | self.given(env),
            cwd=self.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def cancelled(self, name: str, when: Path, **env: str | Path) -> Result:
        """Start a step and end it once a file is there, as Tekton does: a TERM for it and for all that it runs."""
        return self._cut_off(self.started(name, **env), when)

    def cancelled_part(self, module: str, name: str, when: Path, **env: str | Path) -> Result:
        """The same with a part of a step: a function of a module of tests."""
        run = (
            f"import os, sys, {module} as m\nfrom steps.__main__ import ended\nsys.exit(ended(lambda: m.{name}(os.environ)))"
        )
        return self._cut_off(self._start_python(["-c", run], env | {"PYTHONPATH": str(ROOT)}), when)

    def _cut_off(self, process: subprocess.Popen[str], when: Path) -> Result:
        deadline = time.monotonic() + 20
        while not when.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, f"there is no {when}"
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGTERM)
        return self._ended(process)

    def given(self, env: Mapping[str, str | Path]) -> dict[str, str]:
        reached = self.cluster.env if self.cluster else {}
        return reached | {name: str(value) for name, value in env.items()}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    if shutil.which("git") is None or shutil.which("openssl") is None:
        pytest.skip("git or openssl is not installed")
    made = Sandbox(tmp_path, [], Path("/usr/bin"))
    made.path.append(Path("/bin"))
    yield made
    made.close()


@pytest.fixture
def asked() -> Iterator[Forge]:
    """The forge that the steps of a test ask. They do not wait before they ask again."""
    with serving(Forge()) as made, mock.patch("steps.forge.time.sleep", made.waited.append):
        made.says("/pulls?", [])
        yield made


@pytest.fixture(scope="session")
def access(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """What opens the API server, and what that proves itself by."""
    folder = tmp_path_factory.mktemp("access")
    made = authority(folder)
    (folder / "ca.crt").write_text(made.certificate.read_text())
    (folder / "token").write_text("token-of-the-cluster")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made.signed("IP:127.0.0.1"))
    return folder, context


@pytest.fixture
def lists(access: tuple[Path, ssl.SSLContext]) -> Iterator[Api]:
    """The API server of a test that lists objects."""
    folder, context = access
    with serving(Api(folder=folder), context) as made:
        yield made


@pytest.fixture
def reporter(sandbox: Sandbox, lists: Api, asked: Forge) -> Reporter:
    return Reporter(sandbox, lists, asked)
