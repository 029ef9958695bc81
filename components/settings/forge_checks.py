"""What settings say of the forge, and of what opens its repositories. Each mistake is one line, as in `checks`."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from components.settings.errors import contradiction, path
from components.settings.forge import Forge
from components.settings.settings import Settings


def forge_inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting of the forge that contradicts another one."""
    forge = settings.forge
    yield from _pages(forge)
    yield from _fetched(settings)
    if forge.token is None and forge.app is None:
        yield (
            f"{path(('forge',))}: needs a token or a GitHub App to set commit statuses; "
            "add `token: {file: secrets/forge-token}`, or `app` with `id`, `installationId` and `privateKey`"
        )
    if forge.ok_to_test and forge.ok_to_test.token is None and forge.app is None:
        yield (
            f"{path(('forge', 'okToTest', 'token'))}: missing; add `token: {{file: secrets/forge-reader-token}}` "
            "(only with `forge.app` it may be left out)"
        )
    if forge.deployments and forge.kind != "github":
        yield contradiction(("forge", "deployments"), True, f"{forge.kind} has no deployments; remove the key")
    if forge.app is None:
        return
    where = path(("forge", "app"))
    if forge.token:
        yield f"{where}: stands beside `token`, and only one of them is used; remove one"
    if forge.kind != "github":
        yield f'{where}: `kind` is "{forge.kind}", and only GitHub knows Apps; give `token` instead'
    yield from _installations(settings, {owner.lower() for owner in forge.app.installations})
    if forge.fetches_by_app:
        yield from _keys(settings)


def _keys(settings: Settings) -> Iterator[str]:
    """Tokens of several repositories lie in one Secret, each by the names of its owner and its repository."""
    for index, application in enumerate(settings.applications):
        owner, _, name = application.repository.partition("/")
        if "." in owner:
            first, _, rest = owner.partition(".")
            other = f"{first}/{rest}.{name}"
            problem = f"no owner on GitHub has a dot in the name, and {other} would have the same key for its token"
            yield contradiction(("applications", index, "repository"), application.repository, f"{problem}; mend the name")


def _installations(settings: Settings, named: set[str]) -> Iterator[str]:
    """An installation is one owner's; `named` are those that have one of their own."""
    repositories = [application.repository for application in settings.applications]
    for owner in sorted(named - set(map(_owner, repositories))):
        where = path(("forge", "app", "installations", owner))
        yield f"{where}: no application has a repository of this owner; remove the key"
    others = [(index, each) for index, each in enumerate(repositories) if _owner(each) not in named]
    for index, repository in others:
        if _owner(repository) != _owner(others[0][1]):
            place = path(("applications", index, "repository"))
            yield (
                f"{place} = {json.dumps(repository)}: belongs to another owner than {others[0][1]}, and "
                f"`forge.app.installationId` is one owner's installation; add "
                f"`installations: {{{_owner(repository)}: <its installation>}}` to `forge.app`"
            )


def _fetched(settings: Settings) -> Iterator[str]:
    """Each repository has something to be fetched by, and nothing is named for one that is not there."""
    forge, there = settings.forge, settings.by_repository
    keys = forge.ssh.deploy_keys if forge.ssh else {}
    tokens = forge.https.tokens if forge.https else {}
    for group, own in (("ssh", ("deployKeys", keys)), ("https", ("tokens", tokens))):
        known: set[str] = set()
        for repository in own[1]:
            where = path(("forge", group, own[0], repository))
            if repository.lower() not in there:
                names = ", ".join(there)
                yield f"{where}: no application has this repository; rename the key to one of {names}, or remove it"
            elif repository.lower() in known:
                yield f"{where}: stands there twice, in letters of another size; remove one"
            known.add(repository.lower())
    for repository in there:
        if forge.https and tokens and forge.https.token_of(repository) is None:
            yield (
                f"{path(('forge', 'https', 'tokens'))}: has no token for {repository}; "
                f"add `{repository}: {{file: secrets/git-token}}`, or `token` for all others"
            )
    if forge.ssh is None:
        return
    for repository in there:
        if forge.ssh.key_of(repository) is None and keys:
            yield (
                f"{path(('forge', 'ssh', 'deployKeys'))}: has no key for {repository}; "
                f"add `{repository}: {{file: secrets/deploy-key}}`"
            )
    if not keys and forge.ssh.private_key is None:
        yield (
            f"{path(('forge', 'ssh', 'privateKey'))}: missing; add `privateKey: {{file: secrets/id_ed25519}}` "
            "(a read-only deploy key), or `deployKeys` with one for each repository"
        )


def _owner(repository: str) -> str:
    return repository.partition("/")[0].lower()


def _pages(forge: Forge) -> Iterator[str]:
    """A forge's pages are no REST API."""
    place = ("forge", "apiUrl")
    if forge.kind == "github" and urlsplit(forge.api_url).hostname in ("github.com", "www.github.com"):
        yield contradiction(
            place, forge.api_url, "is where people look; the REST API of github.com is https://api.github.com"
        )
    if forge.kind == "gitea" and not forge.api_url.endswith("/api/v1"):
        yield contradiction(place, forge.api_url, "is not Gitea's REST API, which ends with `/api/v1`; add that")
