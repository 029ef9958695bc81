"""Waits until people have approved what the step before has proven, and rolls it out.

`python -m operate approve` believes what a step that has ended said of the digest, and no note: who stole the deployer's
token writes notes. So the proof is a step of its own here.
"""

from dataclasses import dataclass
from pathlib import Path

from steps.approve import Approval, Waiting
from steps.deploy import Delivery, Deploy
from steps.git import Repository
from steps.history import COMMITS, Past
from steps.inputs import given
from steps.kubernetes import Access, Kubernetes
from steps.rollout import Target
from steps.served import Served
from steps.smoke import Smoke
from steps.text import parsed


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the step is given."""

    head_sha: str = given("PARAM_HEAD_SHA")
    merge_sha: str = given("PARAM_MERGE_SHA")
    merged_by: str = given("PARAM_MERGED_BY")
    history: Path = given("HISTORY")
    """Where the step before has fetched the commits to."""
    image: Path = given("RESULT_IMAGE_PATH")
    mark: Path = given("MARK")
    base: Path = given("RESULT_BASE_PATH")
    approval: Approval
    target: Target
    smoke: Smoke
    access: Access
    served: Served | None


def run(inputs: Inputs) -> None:
    """Wait, and roll out."""
    commits, image = inputs.history / COMMITS, inputs.image.read_text()
    past = Past(Repository(commits, {}), (commits / "HEAD").stat().st_mtime)
    with Kubernetes(inputs.access) as api:
        deploy = Deploy(api, inputs.target, inputs.smoke, past)
        if image:
            mark = parsed(inputs.mark.read_text())
            waiting = Waiting(api, inputs.target, inputs.approval, commit=inputs.head_sha, merged_by=inputs.merged_by)
            approved_by = waiting.wait(image)
            merged = {"merge_sha": inputs.merge_sha, "merged_by": inputs.merged_by}
            delivery = Delivery(image=image, commit=inputs.head_sha, mark=mark, approved_by=approved_by, **merged)
            if deploy.run(delivery) and inputs.served:
                inputs.served.say_so()
        elif inputs.base.exists() and inputs.base.read_text():
            deploy.moved_on(inputs.merge_sha, inputs.target.outcome.reason.read_text())
