"""The page of a run: a template's placeholders are filled with values that cannot lead elsewhere."""

import pytest

from steps.links import PLACEHOLDERS, Page
from tests.steps.server import SHA, Forge
from tests.steps.test_comments import RUN, announce, settled, thread
from tests.steps.thread import Thread

__all__ = ["settled", "thread"]

TEMPLATE = "https://tekton.example/#/namespaces/{namespace}/pipelineruns/{pipelineRun}?pr={pullRequest}&of={repository}"


def page(template: str = TEMPLATE, **changed: str) -> Page:
    values = {
        "namespace": "staging-ci",
        "environment": "staging",
        "run": RUN,
        "application": "shop",
        "pull_request": "12",
        "repository": "acme/shop",
    }
    return Page(template=template, **values | changed)


def test_every_placeholder_is_filled() -> None:
    every = "https://x.example/" + "/".join(f"{{{name}}}" for name in PLACEHOLDERS)
    assert page(every).of(SHA) == f"https://x.example/shop/{SHA}/staging/staging-ci/{RUN}/12/acme/shop"


def test_values_are_quoted() -> None:
    found = page(pull_request="1&of=x#y", repository="a b/ü?", run="a)b](<c>").of("..\n")
    assert found == (
        "https://tekton.example/#/namespaces/staging-ci/pipelineruns/a%29b%5D%28%3Cc%3E?pr=1%26of%3Dx%23y&of=a%20b/%C3%BC%3F"
    )
    assert page("https://x.example/{commit}").of("..\n@") == "https://x.example/..%0A%40"


def test_a_value_with_a_placeholder_is_filled_once() -> None:
    assert page("https://x.example/{application}/{commit}", application="{commit}").of("{namespace}") == (
        "https://x.example/%7Bcommit%7D/%7Bnamespace%7D"
    )


@pytest.mark.parametrize("given", [True, False])
def test_statuses_and_the_comment_link_to_the_run_where_there_is_a_page(
    sandbox: object, asked: Forge, thread: Thread, given: bool
) -> None:
    env = {"RUN_URL": TEMPLATE, "RUN_NAMESPACE": "staging-ci"} if given else {}
    announce(sandbox, asked, **env)  # type: ignore[arg-type]
    (status,) = [call.body for call in asked.calls if "/statuses/" in call.path]
    url = f"https://tekton.example/#/namespaces/staging-ci/pipelineruns/{RUN}?pr=12&of=acme/shop"
    assert status.get("target_url") == (url if given else None)
    assert (f"| run | [{RUN}](<{url}>) |" in thread.mine[0]) == given
