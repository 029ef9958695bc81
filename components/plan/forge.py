"""From the settings of the forge to how commits are fetched and the REST API is called."""

import hashlib
from collections.abc import Mapping

import pulumi

from components.conventions import Manifest
from components.credential import (
    BASIC_AUTH,
    FORGE_APP,
    FORGE_READER,
    FORGE_TOKEN,
    KNOWN_HOSTS,
    SSH_DIRECTORY,
    Credential,
    KeyOfSecret,
)
from components.credentials import Held, git_credentials
from components.settings.application import Application
from components.settings.forge import Forge, OkToTest
from components.settings.sources import SecretSource, knows
from components.settings.stack import Stack
from components.tasks import mint
from components.tasks.forge import Api
from components.tasks.git import SSH, SSH_HOSTS, SSH_KEY, TOKEN, Git, each_its_own, over_https, token_key
from components.tasks.git import told as where

# Whose tokens of an App are: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
APPS_USER = "x-access-token"


def git(forge: Forge) -> Git:
    """Return what the steps that fetch take along."""
    if forge.fetches_by_app:
        return each_its_own(over_https(url=forge.git_url, authenticated=True, username=APPS_USER))
    if https := forge.https:
        authenticated = https.token is not None or bool(https.tokens)
        if not _apart(forge):
            return over_https(url=https.url, authenticated=authenticated)
        return each_its_own(over_https(url=https.url, authenticated=authenticated, username=https.username))
    return each_its_own(SSH) if _apart(forge) else SSH


def _apart(forge: Forge) -> bool:
    """Return whether applications are fetched by different Secrets or keys, or by a Secret that is there already."""
    if forge.fetches_by_app:
        return True
    if https := forge.https:
        return bool(https.tokens) or (https.token is not None and not knows(https.token))
    assert forge.ssh
    shared = [each for each in (forge.ssh.private_key, forge.ssh.known_hosts) if each]
    return bool(forge.ssh.deploy_keys) or not all(map(knows, shared))


def told(forge: Forge, application: Application) -> dict[str, str]:
    """Return where the files are that an application is fetched with, as params; empty where one Secret has them for all."""
    if not _apart(forge):
        return {}
    if forge.fetches_by_app:
        return where({TOKEN: KeyOfSecret(secret=BASIC_AUTH.secret, key=token_key(application.repository))})
    if https := forge.https:
        token = https.token_of(application.repository)
        return where({TOKEN: _at(token, BASIC_AUTH, application, https.tokens, TOKEN)}) if token else {}
    assert forge.ssh
    key = forge.ssh.key_of(application.repository)
    hosts = forge.ssh.known_hosts
    assert key
    return where(
        {
            SSH_KEY: _at(key, SSH_DIRECTORY, application, forge.ssh.deploy_keys, SSH_KEY),
            SSH_HOSTS: _at(hosts, KNOWN_HOSTS, application, {}, SSH_HOSTS),
        }
    )


def _at(
    source: SecretSource, credential: Credential, application: Application, own: Mapping[str, SecretSource], file: str
) -> KeyOfSecret:
    """Return where a file is that is held for an application: `own` are the sources of single repositories."""
    if source.secret:
        return KeyOfSecret(secret=source.secret.name, key=source.secret.key)
    mine = application.repository.lower() in map(str.lower, own)
    return KeyOfSecret(secret=credential.of(application.name).secret if mine else credential.secret, key=file)


def held(stack: Stack) -> dict[Credential, Held]:
    """Return what commits are fetched and statuses are set by, with what is in it; a public repository takes nothing."""
    forge = stack.settings.forge
    made = _fetching_apart(stack) if _apart(forge) else _fetching(stack)
    if forge.token:
        made[FORGE_TOKEN] = {"token": stack.held(forge.token)}
    if forge.app:
        made[FORGE_APP] = {"private-key": stack.held(forge.app.private_key, lines=True)}
    return made


def _fetching(stack: Stack) -> dict[Credential, Held]:
    forge, made = stack.settings.forge, dict[Credential, Held]()
    if (ssh := forge.ssh) and ssh.private_key:
        made[SSH_DIRECTORY] = {SSH_KEY: stack.lines(ssh.private_key), SSH_HOSTS: stack.lines(ssh.known_hosts)}
    if (https := forge.https) and https.token:
        made[BASIC_AUTH] = {".git-credentials": git_credentials(https.url, https.username, stack.secret(https.token))}
    return made


def _fetching_apart(stack: Stack) -> dict[Credential, Held]:
    """Return the Secrets that each pipeline chooses from."""
    forge, made = stack.settings.forge, dict[Credential, Held]()
    if forge.fetches_by_app:
        return {BASIC_AUTH: {}}  # the minter fills it
    if forge.ssh:
        made[KNOWN_HOSTS] = {SSH_HOSTS: stack.held(forge.ssh.known_hosts, lines=True)}
    for application in stack.settings.applications:
        if forge.ssh:
            credential, file, own = SSH_DIRECTORY, SSH_KEY, forge.ssh.deploy_keys
            source = forge.ssh.key_of(application.repository)
        else:
            assert forge.https
            credential, file, own = BASIC_AUTH, TOKEN, forge.https.tokens
            source = forge.https.token_of(application.repository)
        if source is None:
            continue
        mine = application.repository.lower() in map(str.lower, own)
        name = credential.of(application.name) if mine else credential
        made[name] = {file: stack.held(source, lines=file == SSH_KEY)}
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


def minter(stack: Stack, namespace: str) -> Manifest | None:
    """Return what has the App make tokens to fetch by, in a delivery namespace; None where commits are fetched otherwise."""
    settings = stack.settings
    if not settings.forge.fetches_by_app:
        return None
    repositories = {each.repository.lower(): each.repository for each in settings.applications}
    return mint.spec(namespace=namespace, api=status_api(settings.forge), repositories=list(repositories.values()))


def key_version(stack: Stack) -> pulumi.Input[str]:
    """Return what tells one private key of the App from another; nothing of one that a Secret of the cluster holds.

    It is a digest, by which nobody finds a key of RSA.
    """
    app = stack.settings.forge.app
    if app is None or not knows(app.private_key):
        return ""
    digest = stack.lines(app.private_key).apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:16])
    return pulumi.Output.unsecret(digest)
