"""Registries: that each user does there what it is for, and no more, and that the images of the steps are there."""

from collections.abc import Iterator
from itertools import groupby

from offline.needs.values import EVERYTHING, PULL, Image, Login, Needs, Right
from operate.doctor.http import Http, NoAnswerError
from operate.doctor.oci import May, OddAnswerError, Registry
from operate.doctor.rows import Row, advised, fine, unknown, wrong

_TABLE = "docs/real-clusters.md, Registry rights"


def rows(needs: Needs, http: Http) -> Iterator[Row]:
    """Yield what there is to say of the users, each as it reaches its registry, then of the images."""
    silent: set[str] = set()
    absent: set[tuple[str, str]] = set()
    # Who writes is asked first, and tells what is not there yet: some registries refuse that to who only reads.
    ordered = sorted(needs.rights, key=lambda right: (_place(right), _name(right.login)))
    ordered.sort(key=lambda right: (right.login is None or "write" not in right.login.setting, _place(right)))
    for (url, setting), group in groupby(ordered, lambda right: (right.url, _name(right.login))):
        rights = list(group)
        if url in silent:
            continue
        try:
            yield from _user(http, url, setting, rights, absent)
        except NoAnswerError as error:
            silent.add(url)
            yield wrong(
                f"{url} answers", str(error),
                "`host` of that registry; `--resolve HOST=ADDRESS` where only the cluster knows its name",
            )  # fmt: skip
    for image in needs.images:
        if image.url not in silent:
            yield _image(http, image)


def _place(right: Right) -> str:
    return right.url


def _name(login: Login | None) -> str:
    return login.setting if login else "everybody"


def _user(http: Http, url: str, setting: str, rights: list[Right], absent: set[tuple[str, str]]) -> Iterator[Row]:
    login = rights[0].login
    who = f"{setting} ({login.username})" if login else "everybody"
    if login and login.password is None:
        yield unknown(f"{who} at {url}", f"{setting}.password cannot be read from here")
        return
    registry = Registry(http, url, login)
    what = f"{who} is let in at {url}"
    try:
        if login and not registry.lets_in():
            yield wrong(what, "the registry does not know the user, or the password", f"{setting}.password")
            return
    except OddAnswerError as error:
        yield unknown(what, str(error))
        return
    rights = [right for right in rights if right.repository]
    if not rights:
        yield fine(what)
        return
    found = [row for right in rights for row in _right(registry, who, right, absent)]
    if not any(row.state == "wrong" for row in found):
        needed = sorted({action for right in rights for action in right.needs}, key=EVERYTHING.index)
        where = ", ".join(dict.fromkeys(right.repository for right in rights if right.needs))
        told = f"{', '.join(needed)} in {where}" + ("" if found else ", and no more")
        if not any(row.state == "unknown" for row in found):
            yield fine(f"{who} at {url}", told)
    yield from found


def _right(registry: Registry, who: str, right: Right, absent: set[tuple[str, str]]) -> Iterator[Row]:
    """Yield what somebody lacks in a repository, or has and should not."""
    if right.login and "write" in right.login.setting and right.needs and registry.is_empty(right.repository):
        absent.add((right.url, right.repository))
    for action in EVERYTHING:
        what = f"{who}: {action} in {right.repository}"
        try:
            may = registry.may(action, right.repository)
        except OddAnswerError as error:
            yield unknown(what, str(error))
            continue
        needed = action in right.needs
        if needed and may is May.NO:
            if action == PULL and (right.url, right.repository) in absent:
                yield unknown(what, "refused; the repository is not there yet, so ask again after the first delivery")
            else:
                yield wrong(what, "refused", f"let {who} {action} there ({_TABLE})")
        elif needed and may is May.UNSUPPORTED:
            yield wrong(
                what,
                "the registry has deleting switched off",
                f"switch it on, or leave {right.login and _name(right.login)} out",
            )
        elif not needed and may is May.YES:
            said = "allowed, which it must not be" if action in right.never else "allowed, which it need not be"
            mend = f"take {action} there from {who} ({_TABLE})"
            # Who may push can put another image behind each tag, so that deleting adds little.
            yield (wrong if action in right.never else advised)(what, said, mend)


def _image(http: Http, image: Image) -> Row:
    what = f"{image.setting} is there"
    host, _, name = image.reference.partition("/")
    repository, _, digest = name.partition("@")
    repository = repository.partition(":")[0]
    if image.login and image.login.password is None:
        return unknown(what, f"{image.login.setting}.password cannot be read from here")
    try:
        answer = Registry(http, image.url, image.login).has(repository, digest)
    except NoAnswerError as error:
        return unknown(what, f"{image.url} does not answer: {error}")
    except OddAnswerError as error:
        return unknown(what, str(error))
    if answer.status == 200:
        return fine(what, image.reference)
    who = f"{image.login.username}" if image.login else "everybody"
    if answer.refuses:
        return wrong(what, f"{host} refuses {who} {repository}", f"let {who} pull {repository}")
    path = f"{host}/{repository.rpartition('/')[0]}".rstrip("/")
    return wrong(what, f"{host} has no {repository}@{digest} ({answer.status})", f".venv/bin/python -m images {path}")
