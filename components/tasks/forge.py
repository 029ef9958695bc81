"""What a step takes that asks the forge, as forge.sh reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import Manifest
from components.credential import Credential
from components.settings.forge import Installation

PATH = "/credentials/forge"

# What tokens may do that a GitHub App's installation is asked for, by the names of its permissions.
STATUSES = {"statuses": "write"}
PULL_REQUESTS = {"pull_requests": "read"}
# Who may write to a repository is part of its metadata.
COLLABORATORS = {"metadata": "read"}


@dataclass(frozen=True, kw_only=True)
class Api:
    """The forge's REST API, and what opens it."""

    url: str
    """Its base."""
    credential: Credential
    """A token, or the App's private key."""
    app: Installation | None = None
    """Whose key it is; None for a token."""


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


def status_env(*, environment: str, api: Api, rights: Mapping[str, str] = STATUSES) -> dict[str, str]:
    """Return the same, with the commit and the context of a commit status."""
    return env(api, rights) | {
        "PARAM_HEAD_SHA": "$(params.head-sha)",
        "ENVIRONMENT": environment,
        "CONTEXT_SUFFIX": "$(params.context-suffix)",
    }
