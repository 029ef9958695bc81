"""GitHub's deployments: what a run rolls out to which environment, from its beginning to its end. Gitea has none.

https://docs.github.com/en/rest/deployments/deployments and .../deployments/statuses; a status's environment_url is behind
"View deployment", its log_url behind the log.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from steps import optional
from steps.forge import Api, Forge, ForgeError
from steps.inputs import given
from steps.links import Page
from steps.result import log
from steps.text import LONGEST, plain

QUEUED, IN_PROGRESS, INACTIVE, ERROR = "queued", "in_progress", "inactive", "error"
_TASK = "deploy"


@dataclass(frozen=True, kw_only=True)
class Deployments:
    """Where a run tells of its deployment."""

    rights: str = given("DEPLOYMENT_RIGHTS")
    """What a GitHub App's token for it may do."""
    run: str = given("PARAM_RUN")
    place: str = given("PARAM_ENVIRONMENT_URL")
    """Where people find the application; empty where no setting knows."""
    page: Page | None


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Which commit to which environment."""

    sha: str
    environment: str
    """With the application after a slash, where the repository has several."""
    state: str
    """As of a deployment's status."""
    description: str


def begin(api: Api, about: Deployments, me: int | None, deployment: Deployment) -> None:
    """Create a run's deployment, and say that it is going on."""

    def make(forge: Forge) -> None:
        number = _made(forge, about, deployment)
        _say(forge, about, number, deployment)

    _told(api, about, me, make)


def end(api: Api, about: Deployments, me: int | None, deployment: Deployment, since: datetime | None = None) -> bool | None:
    """Say how a run's deployment ended; it is created where nobody has.

    Told late (`since` when it could not be told) it is neither told twice, nor does it come to be the active one where
    there is a newer one.
    Return whether that is done; None where it is of no use to try again later.
    """

    def finish(forge: Forge) -> None:
        known = _listed(forge, f"/deployments?environment={_quoted(deployment.environment)}&per_page=100")
        number = _ours(known, about, me, deployment.sha)
        told = deployment
        if number is None:
            # What is created last GitHub takes for what is there.
            if since and any(_created(each) >= since for each in known):
                log(f"{deployment.environment}: a newer deployment was created meanwhile")
                return
            number = _made(forge, about, deployment)
        elif since:
            said = _listed(forge, f"/deployments/{number}/statuses?per_page=100")
            if any(each.get("state") not in (QUEUED, IN_PROGRESS, "pending") for each in said):
                log(f"how the deployment {number} ended was told")
                return
            if any(_number(each) > number for each in known):
                told = replace(deployment, state=INACTIVE)
        _say(forge, about, number, told)

    return _told(api, about, me, finish)


def _told(api: Api, about: Deployments, me: int | None, tell: Callable[[Forge], None]) -> bool | None:
    if not about.run or me is None:
        return None
    return optional.tell(
        api,
        about.rights,
        tell,
        undone="the deployment is not told",
        mend="give the token the right to (Deployments: write), or set forge.deployments: false",
    )


def _made(forge: Forge, about: Deployments, deployment: Deployment) -> int:
    """Create a deployment. What has to be green before a rollout, and what is merged, is not GitHub's to say."""
    made = forge.post(
        "/deployments",
        {
            "ref": deployment.sha,
            "task": _TASK,
            "auto_merge": False,
            "required_contexts": [],
            "payload": {"run": about.run},
            "environment": deployment.environment,
            "description": about.run,
        },
    )
    number = _number(made)
    if not number:
        raise ForgeError("the forge does not say which deployment it has created")
    log(f"{deployment.sha} {deployment.environment}: deployment {number}")
    return number


def _say(forge: Forge, about: Deployments, number: int, deployment: Deployment) -> None:
    page = about.page.of(deployment.sha) if about.page else ""
    forge.post(
        f"/deployments/{number}/statuses",
        {
            "state": deployment.state,
            "description": plain(deployment.description)[:LONGEST],
            "auto_inactive": True,
        }
        | ({"log_url": page} if page else {})
        | ({"environment_url": about.place} if about.place else {}),
    )


def _ours(known: list[dict[str, Any]], about: Deployments, me: int | None, sha: str) -> int | None:
    """Return this run's deployment. Whoever may write can create one that says so."""
    for each in known:
        payload, creator = each.get("payload"), each.get("creator")
        if (
            isinstance(payload, dict)
            and payload.get("run") == about.run
            and each.get("sha") == sha
            and isinstance(creator, dict)
            and creator.get("id") == me
        ):
            return _number(each) or None
    return None


def _listed(forge: Forge, path: str) -> list[dict[str, Any]]:
    found = forge.get(path)
    if not isinstance(found, list):
        raise ForgeError("the forge does not tell its deployments")
    return [each for each in found if isinstance(each, dict)]


def _number(made: Any) -> int:
    number = made.get("id") if isinstance(made, dict) else None
    return number if isinstance(number, int) else 0


def _created(each: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(each.get("created_at"))).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _quoted(environment: str) -> str:
    return environment.replace("/", "%2F")
