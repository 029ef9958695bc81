"""The history that a step fetches, as a part of the step."""

import time
from collections.abc import Mapping
from pathlib import Path

from components.tasks.git import SSH as OVER_SSH
from steps.git import Repository
from steps.history import History, Source
from steps.inputs import read
from steps.result import write
from steps.text import compact
from tests.steps.conftest import SSH, Result, Sandbox


def fetched(folder: Path | str, looked: float | None = None) -> History:
    """A history as if it had been fetched: into a repository that is there."""
    made = History(Source(url="", base_branch="base", paths=(), folder=Path(folder)), {})
    made.commits, made.looked = Repository(Path(folder), {}), looked or time.time()
    return made


def commits(
    sandbox: Sandbox,
    url: str,
    commit: str,
    *,
    branch: str = "main",
    paths: tuple[str, ...] = (),
    merged_head: str = "",
    compare: bool = True,
    env: Mapping[str, str] = OVER_SSH.env,
) -> Result:
    """Fetch over SSH, and write down what the commit says."""
    sandbox.stub("ssh", SSH)

    def run(given: Mapping[str, str]) -> None:
        content = History(read(Source, given), {}).fetch(commit, merged_head, compare=compare)
        write(sandbox.root / "content.json", compact(content.data()))

    asked = {"PARAM_REPOSITORY_URL": url, "PARAM_BASE_BRANCH": branch, "PARAM_PATHS": "\n".join(paths)}
    return sandbox.part(run, HISTORY=sandbox.root / "history", **asked, **env)
