"""From the settings of the forge to how commits are fetched and the REST API is called."""

from urllib.parse import urlsplit

from components.credential import BASIC_AUTH, FORGE_APP, FORGE_READER, FORGE_TOKEN, SSH_DIRECTORY, Credential
from components.credentials import Held, git_credentials
from components.settings.forge import Forge, OkToTest
from components.settings.stack import Stack
from components.tasks.forge import Api
from components.tasks.git import SSH, Git, over_https


def git(forge: Forge) -> Git:
    """Return what the steps that fetch take along."""
    if not forge.https:
        return SSH
    return over_https(scheme=urlsplit(forge.https.url).scheme, authenticated=forge.https.token is not None)


def held(stack: Stack) -> dict[Credential, Held]:
    """Return what commits are fetched and statuses are set by, with what is in it; a public repository takes nothing."""
    forge, made = stack.settings.forge, dict[Credential, Held]()
    if ssh := forge.ssh:
        made[SSH_DIRECTORY] = {
            "ssh-privatekey": stack.lines(ssh.private_key),
            "known_hosts": stack.lines(ssh.known_hosts),
        }
    if (https := forge.https) and https.token:
        made[BASIC_AUTH] = {".git-credentials": git_credentials(https.url, https.username, stack.secret(https.token))}
    if forge.token:
        made[FORGE_TOKEN] = {"token": stack.secret(forge.token)}
    if forge.app:
        made[FORGE_APP] = {"private-key": stack.lines(forge.app.private_key)}
    return made


def status_api(forge: Forge) -> Api:
    """Return the API as commit statuses are set by it."""
    credential = FORGE_TOKEN if forge.app is None else FORGE_APP
    return Api(
        url=forge.api_url,
        credential=credential,
        app=forge.app,
        run_url=forge.run_url or "",
        comments=forge.comment,
        deployments=forge.deployments,
    )


def reader_api(forge: Forge, ok_to_test: OkToTest) -> Api:
    """Return the API as it is asked who may write."""
    return Api(url=forge.api_url, credential=FORGE_READER) if ok_to_test.token else status_api(forge)
