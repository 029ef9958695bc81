"""The history over HTTPS, against git's own server: the token reaches the forge alone, and only if it is asked."""

from pathlib import Path

from components.tasks.git import PATH, over_https
from tests.steps.conftest import Sandbox, git
from tests.steps.fetching import commits
from tests.tasks.scripts.test_https import LOGIN, TOKEN, Forge, private

__all__ = ["private"]


def test_the_history_is_fetched_the_same_way(sandbox: Sandbox, forge: Path, head: str, private: Forge) -> None:
    file = sandbox.file(".git-credentials", f"{private.url.replace('//', f'//bot:{TOKEN}@')}\n")
    env = over_https(url=private.url, authenticated=True).env
    here = {name: value.replace(PATH, str(file.parent)) for name, value in env.items()}
    result = commits(sandbox, f"{private.url}/{forge.name}", head, compare=False, env=here)
    assert result.code == 0, result.err
    assert git(forge, "log", "-1", "--format=%T") in (sandbox.root / "content.json").read_text()
    assert {given for _, given in private.asked} == {None, LOGIN}
