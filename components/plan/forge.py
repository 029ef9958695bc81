"""From the settings of the forge to how commits are fetched and the REST API is called."""

from urllib.parse import urlsplit

from components.conventions import FORGE_APP, FORGE_READER, FORGE_TOKEN
from components.credentials import HttpsToken, SshKey
from components.settings.forge import Forge, OkToTest
from components.settings.stack import Stack
from components.tasks.forge import Api
from components.tasks.git import SSH, Git, over_https


def git(forge: Forge) -> Git:
    """Return what the steps that fetch take along."""
    if not forge.https:
        return SSH
    return over_https(scheme=urlsplit(forge.https.url).scheme, authenticated=forge.https.token is not None)


def git_credential(stack: Stack) -> SshKey | HttpsToken | None:
    """Return what they fetch with; None for public repositories."""
    ssh, https = stack.settings.forge.ssh, stack.settings.forge.https
    if ssh:
        return SshKey(private_key=stack.secret(ssh.private_key), known_hosts=stack.secret(ssh.known_hosts))
    if https and https.token:
        return HttpsToken(url=https.url, username=https.username, token=stack.secret(https.token))
    return None


def status_api(forge: Forge) -> Api:
    """Return the API as commit statuses are set by it."""
    if forge.app is None:
        return Api(url=forge.api_url, secret=FORGE_TOKEN)
    return Api(url=forge.api_url, secret=FORGE_APP, app=forge.app)


def reader_api(forge: Forge, ok_to_test: OkToTest) -> Api:
    """Return the API as it is asked who may write."""
    return Api(url=forge.api_url, secret=FORGE_READER) if ok_to_test.token else status_api(forge)
