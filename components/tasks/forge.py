"""What a step takes that asks the forge, as forge.sh reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import Manifest
from components.credential import Credential
from components.settings.forge import Installation
from components.tasks.step import late_params

PATH = "/credentials/forge"

# What tokens may do that a GitHub App's installation is asked for, by the names of its permissions.
STATUSES = {"statuses": "write"}
PULL_REQUESTS = {"pull_requests": "read"}
COMMENTS = {"pull_requests": "write"}
DEPLOYMENTS = {"deployments": "write"}
CONTENTS = {"contents": "read"}
# Who may write to a repository is part of its metadata.
COLLABORATORS = {"metadata": "read"}
# From the least to the most.
LEVELS = ("read", "write", "admin")


def app_rights(*, comments: bool, deployments: bool, asks_who_may: bool, fetches: bool) -> dict[str, str]:
    """Return what a GitHub App has to be granted for a stack, permission to level: all that its steps' tokens ask for.

    `comments` is `forge.comment`, `deployments` `forge.deployments`; `asks_who_may` is `forge.okToTest` without a token of
    its own; `fetches` is whether commits are fetched by the App's tokens.
    """
    wanted = [
        STATUSES,
        PULL_REQUESTS,
        COMMENTS if comments else {},
        DEPLOYMENTS if deployments else {},
        COLLABORATORS if asks_who_may else {},
        CONTENTS if fetches else {},
    ]
    return {name: max((each[name] for each in wanted if name in each), key=LEVELS.index) for part in wanted for name in part}


def is_granted(granted: Mapping[str, object], name: str, level: str) -> bool:
    """Whether what an App was granted has a permission, at that level or a higher one."""
    found = granted.get(name)
    return found in LEVELS and LEVELS.index(str(found)) >= LEVELS.index(level)


@dataclass(frozen=True, kw_only=True)
class Api:
    """The forge's REST API, and what opens it."""

    url: str
    """Its base."""
    credential: Credential
    """A token, or the App's private key."""
    app: Installation | None = None
    """Whose key it is; None for a token."""
    run_url: str = ""
    """Where people see a run, with placeholders; empty where that is not known."""
    comments: bool = False
    """Whether the pull request has a comment about its deliveries."""
    deployments: bool = False
    """Whether GitHub is told of deployments."""

    @property
    def places(self) -> bool:
        """Whether people are told where the application is."""
        return self.comments or self.deployments


def volume(api: Api) -> Manifest:
    """Return the volume with what opens the API."""
    return api.credential.volume()


def credential(api: Api) -> Manifest:
    """Return the mount for the one step that calls the API."""
    return api.credential.mount(PATH)


def env(api: Api, rights: Mapping[str, str]) -> dict[str, str]:
    """Return where the forge answers, about which repository it is asked, and where what opens it is.

    `rights` is what a step does there: a token that is made for it can do no more.
    """
    about = {"PARAM_REPOSITORY": "$(params.repository)", "API_URL": api.url}
    if api.app is None:
        return about | {"TOKEN_FILE": f"{PATH}/token"}
    return about | {
        "APP_ID": api.app.id,
        "APP_INSTALLATION": str(api.app.installation_id),
        "APP_INSTALLATIONS": "\n".join(f"{owner.lower()} {number}" for owner, number in api.app.installations.items()),
        "APP_KEY_FILE": f"{PATH}/private-key",
        "APP_RIGHTS": json.dumps(rights),
    }


# What tells a run, in statuses' links and in the comment.
ABOUT = {
    "run": "name of the PipelineRun",
    "application": "its name",
    "pull-request": "its number",
}
PLACE = {"environment-url": "where people find the application; empty where no setting knows"}


def status_env(*, environment: str, api: Api, again: str = "", rights: Mapping[str, str] = STATUSES) -> dict[str, str]:
    """Return the same, with the commit and the context of a commit status, its link, and what a comment says of it.

    `again` is how people run it again, in Markdown.
    """
    made = env(api, rights) | {
        "PARAM_HEAD_SHA": "$(params.head-sha)",
        "ENVIRONMENT": environment,
        "CONTEXT_SUFFIX": "$(params.context-suffix)",
    }
    if api.places:
        made |= {"PARAM_ENVIRONMENT_URL": "$(params.environment-url)"} | about()
    if api.comments:
        made |= {"COMMENT_RIGHTS": json.dumps(COMMENTS), "RUN_AGAIN": again}
    if api.deployments:
        made["DEPLOYMENT_RIGHTS"] = json.dumps(DEPLOYMENTS)
    return made | page_env(environment=environment, api=api)


def page_env(*, environment: str, api: Api, **known: str) -> dict[str, str]:
    """Return what a step takes that links to its run; `known` are variables that are otherwise than params say."""
    if not api.run_url:
        return {}
    here = {"RUN_URL": api.run_url, "RUN_NAMESPACE": "$(context.taskRun.namespace)", "ENVIRONMENT": environment}
    return here | about() | known


def about() -> dict[str, str]:
    """Return the variables that tell a run."""
    return {
        "PARAM_RUN": "$(params.run)",
        "PARAM_APPLICATION": "$(params.application)",
        "PARAM_PULL_REQUEST": "$(params.pull-request)",
    }


def told_params(api: Api) -> list[Manifest]:
    """Return the params that a Task takes for these alone."""
    used = (ABOUT if api.places or api.run_url else {}) | (PLACE if api.places else {})
    return late_params(used)
