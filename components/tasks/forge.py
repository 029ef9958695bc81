"""What a step takes that asks the forge, as forge.sh reads it."""

from components.conventions import Manifest
from components.tasks.step import mount

TOKEN_PATH = "/credentials/forge"


def volume(secret: str) -> Manifest:
    """Return the volume with a token; its name is the Secret's."""
    return {"name": secret, "secret": {"secretName": secret}}


def token(secret: str) -> Manifest:
    """Return the mount for the one step that uses the token."""
    return mount(secret, TOKEN_PATH, read_only=True)


def env(api_url: str) -> dict[str, str]:
    """Return where the forge answers, about which repository it is asked, and where the token is."""
    return {"PARAM_REPOSITORY": "$(params.repository)", "API_URL": api_url, "TOKEN_FILE": f"{TOKEN_PATH}/token"}


def status_env(*, environment: str, api_url: str) -> dict[str, str]:
    """Return the same, with the commit and the context of a commit status."""
    return env(api_url) | {
        "PARAM_HEAD_SHA": "$(params.head-sha)",
        "ENVIRONMENT": environment,
        "CONTEXT_SUFFIX": "$(params.context-suffix)",
    }
