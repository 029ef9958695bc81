"""The forge: each repository is there, and what runs hold of it may do what they do there."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.conventions import plain
from components.tasks.forge import CONTENTS, LEVELS, PULL_REQUESTS, STATUSES, is_granted
from offline.needs.values import App, Forge, Needs, Repository
from operate.doctor.http import Answer, Http, NoAnswerError
from operate.doctor.rows import Row, advised, fine, unknown, wrong
from steps.forge import App as StepsApp
from steps.forge import ForgeError, jwt

# A commit that is nowhere: that a status is written to.
NOWHERE = "0" * 39 + "1"
_CONTEXT = "tekton-delivery/doctor"
_TOKENS = "docs/real-clusters.md"
# What an App may have beside: Metadata comes with any other right; its own webhook takes the others.
_BESIDE = {"metadata": "read", "contents": "read", "issues": "read"}
# What is tried of an App's tokens. Rights to write more than statuses are read from the installation: no trial of them
# leaves nothing.
_TRIED = STATUSES | PULL_REQUESTS


def rows(needs: Needs, http: Http) -> Iterator[Row]:
    """Yield what there is to say of the tokens; how commits are fetched is in `operate/doctor/git.py`."""
    forge = needs.forge
    for setting in forge.unread:
        yield unknown(setting, "it cannot be read from here")
    try:
        http.ask("GET", forge.api_url)
    except NoAnswerError as error:
        mend = "`forge.apiUrl`; `--resolve HOST=ADDRESS` where only the cluster knows its name"
        yield wrong(f"the forge's REST API answers at {forge.api_url}", str(error), mend)
        return
    if forge.app:
        yield from _by_app(http, forge, forge.app)
    elif forge.token:
        for each in forge.repositories:
            yield from repository(http, forge, each, forge.token, "forge.token")
    if forge.reads_comments and forge.reader:
        for each in forge.repositories:
            yield from reader(http, forge, each, forge.reader, "forge.okToTest.token")


def asked(http: Http, forge: Forge, method: str, path: str, token: str, body: Any = None) -> Answer:
    """Ask the forge at a path of its API."""
    headers = {"Authorization": f"Bearer {token.strip()}", "Accept": "application/json"}
    return http.ask(method, f"{forge.api_url}{path}", headers, body)


def repository(http: Http, forge: Forge, wanted: Repository, token: str, setting: str) -> Iterator[Row]:
    """Yield whether a repository is the one that is meant, and whether a token does there what runs do."""
    what = f"the repository {wanted.name}"
    answer = asked(http, forge, "GET", f"/repos/{wanted.name}", token)
    if answer.is_passing:
        yield unknown(what, f"the forge answers {answer.said}")
        return
    if answer.status == 401:
        yield wrong(f"{setting} is known to the forge", answer.said, f"a new one in {setting} ({_TOKENS})")
        return
    found = answer.json
    if answer.status in (301, 302, 307, 308):
        yield wrong(what, "it was renamed, or belongs to somebody else by now", "`repository` of the application")
        return
    if answer.status != 200 or not isinstance(found, dict):
        yield wrong(
            what, f"{answer.said}: it is not there, or {setting} may not see it", f"`repository`, or what {setting} opens"
        )
        return
    yield _identity(wanted, found)
    if found.get("archived"):
        yield wrong(what, "it is archived, and takes no status", "unarchive it")
    yield from _excess(answer, setting)
    yield _writes_statuses(http, forge, wanted, token, setting)
    yield _gets(http, forge, wanted, token, setting, "pulls?state=open&per_page=1&limit=1", "reads pull requests")


def _identity(wanted: Repository, found: dict[str, Any]) -> Row:
    name, number = plain(str(found.get("full_name"))), found.get("id")
    if name.lower() != wanted.name.lower():
        return wrong(f"the repository {wanted.name}", f"the forge calls it {name}", f"`repository: {name}`")
    if wanted.id is not None and wanted.id != number:
        said = f"it is another one of that name: its number is {number}, and `repositoryId` says {wanted.id}"
        return wrong(
            f"the repository {wanted.name}", said, f"find out whose it is; `repositoryId: {number}` if it is the right one"
        )
    return fine(
        f"the repository {wanted.name}", f"number {number}" + ("" if wanted.id else " (`repositoryId` would pin it)")
    )


def _writes_statuses(http: Http, forge: Forge, wanted: Repository, token: str, setting: str) -> Row:
    """Write a status of a commit that is nowhere: who may not is refused before the forge looks for the commit."""
    what = f"{setting} sets statuses in {wanted.name}"
    body = {"state": "pending", "context": _CONTEXT, "description": "asked by operate doctor"}
    answer = asked(http, forge, "POST", f"/repos/{wanted.name}/statuses/{NOWHERE}", token, body)
    if answer.refuses or (answer.status == 404 and forge.kind == "github"):
        return wrong(what, answer.said, f'a token with "Commit statuses: read and write" in {setting} ({_TOKENS})')
    # What a commit that is nowhere is to GitHub, and to Gitea, which looks for it after the right.
    if answer.status == 422 or (forge.kind == "gitea" and answer.status in (400, 404, 500)):
        return fine(what)
    return unknown(what, f"the forge answers {answer.said}")


def _gets(http: Http, forge: Forge, wanted: Repository, token: str, setting: str, path: str, does: str) -> Row:
    answer = asked(http, forge, "GET", f"/repos/{wanted.name}/{path}", token)
    what = f"{setting} {does} in {wanted.name}"
    if answer.status == 200:
        return fine(what)
    if answer.refuses or answer.status == 404:
        return wrong(what, answer.said, f"give {setting} that right ({_TOKENS})")
    return unknown(what, f"the forge answers {answer.said}")


def _excess(answer: Answer, setting: str) -> Iterator[Row]:
    """Yield what a classic token of GitHub opens beside; others do not tell."""
    scopes = {scope.strip() for scope in answer.headers.get("x-oauth-scopes", "").split(",")} - {"", "repo:status"}
    if scopes:
        said = f"its scopes are {', '.join(sorted(scopes))}"
        yield advised(f"{setting} opens statuses alone", said, "a fine-grained token, or `forge.app`")


def reader(http: Http, forge: Forge, wanted: Repository, token: str, setting: str) -> Iterator[Row]:
    """Yield whether a token reads comments, and who may write."""
    yield _gets(http, forge, wanted, token, setting, "issues/comments?per_page=1&limit=1", "reads comments")
    what = f"{setting} reads who may write to {wanted.name}"
    person = _somebody(http, forge, wanted, token)
    if person is None:
        yield unknown(what, "nobody is known whom it could ask about")
        return
    answer = asked(http, forge, "GET", f"/repos/{wanted.name}/collaborators/{person}/permission", token)
    if answer.status == 200:
        yield fine(what)
    elif answer.refuses:
        yield wrong(what, answer.said, f"give {setting} that right ({_TOKENS})")
    else:
        yield unknown(what, f"asked about {person}, the forge answers {answer.said}")


def _somebody(http: Http, forge: Forge, wanted: Repository, token: str) -> str | None:
    """Return who made the newest commit, or whose the repository is."""
    commits = asked(http, forge, "GET", f"/repos/{wanted.name}/commits?per_page=1&limit=1", token).json
    try:
        return str(commits[0]["author"]["login"])
    except (TypeError, KeyError, IndexError):
        return wanted.name.partition("/")[0] or None


def _by_app(http: Http, forge: Forge, app: App) -> Iterator[Row]:
    """Yield what there is to say of an App: its key, its installation, its rights, and tokens for each repository."""
    what = f"the GitHub App {app.id}"
    if app.key is None:
        return
    try:
        signed = signed_by(app)
    except ForgeError as error:
        yield wrong(what, str(error), "forge.app.privateKey")
        return
    for number in dict.fromkeys([app.installation, *(app.installation_of(each.name) for each in forge.repositories)]):
        found = list(_installation(http, forge, app, signed, number))
        yield from found
        if number == app.installation and any(row.what == what for row in found):
            return
    for each in forge.repositories:
        answer = _exchanged(http, forge, app, signed, each, _TRIED)
        if given := _token(answer):
            yield from repository(http, forge, each, given, "forge.app")
            if forge.reads_comments and not forge.reader:
                yield from reader(http, forge, each, given, "forge.app")
        elif answer.is_passing:
            yield unknown(f"{what} opens {each.name}", f"the forge answers {answer.said}")
        else:
            rights = ", ".join(f"{name}: {level}" for name, level in _TRIED.items())
            said = f"{answer.said}: its installation lacks the repository, or one of the rights {rights}"
            yield wrong(
                f"{what} opens {each.name}", said, f"the App's permissions, and what it is installed for ({_TOKENS})"
            )


def _installation(http: Http, forge: Forge, app: App, signed: str, number: str) -> Iterator[Row]:
    """Yield what there is to say of one installation: that it is there, and that it has the rights of the settings alone."""
    what = f"the GitHub App {app.id}" + (f", installation {number}," if number != app.installation else "")
    there = asked(http, forge, "GET", f"/app/installations/{number}", signed)
    if there.is_passing:
        yield unknown(what, f"the forge answers {there.said}")
        return
    if there.status == 401:
        said = "its private key is not one of this App's, or the clock here is wrong"
        yield wrong(what, said, "forge.app.privateKey, forge.app.id")
        return
    if there.status == 404:
        setting = "installationId" if number == app.installation else "installations"
        yield wrong(what, f"it has no installation {number}", f"forge.app.{setting}")
        return
    granted = there.json.get("permissions") if isinstance(there.json, dict) else None
    if not isinstance(granted, dict):
        yield unknown(f"{what} has the rights that runs ask for", f"the forge tells none: {there.said}")
        return
    lacking = [f"{name}: {level}" for name, level in app.rights.items() if not is_granted(granted, name, level)]
    if lacking:
        mend = f"grant it on the App's page at GitHub, and have its owner accept that where it is installed ({_TOKENS})"
        yield wrong(f"{what} has the rights that runs ask for", f"it lacks {', '.join(lacking)}", mend)
    else:
        yield fine(
            f"{what} has the rights that runs ask for", ", ".join(f"{name}: {may}" for name, may in app.rights.items())
        )
    more = [plain(f"{name}: {level}") for name, level in sorted(granted.items()) if _is_more(app, name, level)]
    if more:
        yield advised(f"{what} has no more rights than it needs", ", ".join(more), f"take them away ({_TOKENS})")


def _is_more(app: App, name: str, level: object) -> bool:
    """Whether a permission goes further than what runs ask for, and what may be beside that."""
    return not any(is_granted(allowed, name, str(level)) for allowed in (app.rights, _BESIDE) if level in LEVELS)


def fetch_token(http: Http, forge: Forge, app: App, repository: Repository) -> str:
    """Return a token as the minter has it made. Raises NoAnswerError or ForgeError."""
    answer = _exchanged(http, forge, app, signed_by(app), repository, CONTENTS)
    if given := _token(answer):
        return given
    if answer.is_passing:
        raise ForgeError(f"the forge answers {answer.said}", answer.status, passing=True)
    rights = ", ".join(f"{name}: {level}" for name, level in CONTENTS.items())
    raise ForgeError(f"{answer.said}: the App's installation lacks the repository, or the right {rights}")


def _exchanged(http: Http, forge: Forge, app: App, signed: str, repository: Repository, rights: Mapping[str, str]) -> Answer:
    wanted = {"repositories": [repository.name.partition("/")[2]], "permissions": dict(rights)}
    path = f"/app/installations/{app.installation_of(repository.name)}/access_tokens"
    return asked(http, forge, "POST", path, signed, wanted)


def _token(answer: Answer) -> str | None:
    given = answer.json.get("token") if answer.status == 201 and isinstance(answer.json, dict) else None
    return given if isinstance(given, str) else None


def signed_by(app: App) -> str:
    """Return what says that an App itself asks, for some minutes. Raises ForgeError for a key that is none."""
    with TemporaryDirectory(prefix="doctor-") as folder:
        key = Path(folder) / "key.pem"
        key.touch(mode=0o600)
        key.write_text(f"{(app.key or '').strip()}\n")
        return jwt(StepsApp(id=app.id, installation=app.installation, installations=(), key=key, rights=""))
