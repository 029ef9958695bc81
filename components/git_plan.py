"""From the settings of the forge to how commits are fetched."""

from urllib.parse import urlsplit

from components.credentials import HttpsToken, SshKey
from components.settings.forge import Forge
from components.settings.stack import Stack
from components.tasks.git import SSH, Git, over_https


def git(forge: Forge) -> Git:
    """Return what the steps that fetch take along."""
    if not forge.https:
        return SSH
    return over_https(scheme=urlsplit(forge.https.url).scheme, authenticated=forge.https.token is not None)


def credential(stack: Stack) -> SshKey | HttpsToken | None:
    """Return what they fetch with; None for public repositories."""
    ssh, https = stack.settings.forge.ssh, stack.settings.forge.https
    if ssh:
        return SshKey(private_key=stack.secret(ssh.private_key), known_hosts=stack.secret(ssh.known_hosts))
    if https and https.token:
        return HttpsToken(url=https.url, username=https.username, token=stack.secret(https.token))
    return None
