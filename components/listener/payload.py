"""What webhooks look like, and the conditions on them, as CEL expressions for Tekton's cel interceptor.

The fields are those of GitHub's `pull_request` and `issue_comment` webhooks
(https://docs.github.com/en/webhooks/webhook-events-and-payloads); Gitea sends the same ones.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from components.cel import dashed, every, lookup, one_of, prefixed, quote

T = TypeVar("T")

# The actions that bring something new to stage. Gitea says `synchronized` where GitHub says `synchronize`, and has no
# `ready_for_review`; a listener for Gitea takes GitHub's words as well, so that GitHub's own bodies can be replayed at it.
_DELIVERED = ("opened", "reopened", "synchronize", "ready_for_review")
DELIVERED = {"github": _DELIVERED, "gitea": (*_DELIVERED, "synchronized")}

# What makes a title a draft's on Gitea, unless its WORK_IN_PROGRESS_PREFIXES say otherwise.
DRAFT_TITLE = r"(?i)^(WIP:|\[WIP\])"

# GitHub and Gitea know no two repositories whose names differ by capitals alone, and send a name as its owner writes it.
REPOSITORY = "body.repository.full_name.lowerAscii()"
SHA = "^[0-9a-f]{40}$"
# A user's or an app's name on GitHub and Gitea: it ends up in an annotation.
LOGIN = r"^[A-Za-z0-9_.-]+(\[bot\])?$"
# A user's name: it ends up in the path of a URL.
PERSON = "^[A-Za-z0-9][A-Za-z0-9_.-]*$"

# Who merged, for the history: forges tell nobody (null) where a push did, or where the account is gone, which both call so.
NOBODY = "ghost"
MERGED_BY = f"(body.pull_request.merged_by == null ? {quote(NOBODY)} : body.pull_request.merged_by.login)"

# What stands in a run's name where others have a pull request's number.
NO_NUMBER = "push"

# The word by which somebody vouches for a fork's commit, and the commit in it.
OK_TO_TEST = r"^/ok-to-test [0-9a-f]{40}\s*$"
VOUCHED_FOR = r"body.comment.body.translate('^/ok-to-test |\\s', '')"


def known_pull_request(forge: str, base_branches: Mapping[str, str]) -> str:
    """Return the filter that all triggers share.

    `base_branches` maps each repository (`owner/name`) to the branch its pull requests must target, or have targeted until
    this very event. The head must lie in the same repository, so a fork starts nothing; its `repo` is null when a fork was
    deleted. Nor does what was pushed for review (Gitea's AGit: `refs/for/main`), for which the right to read is enough:
    Gitea names the base's own repository then, but no branch as `label`. The header that makes Tekton's github interceptor
    call another API host is not covered by the signature, so a request with it is refused.
    """
    return every(
        [
            _known_repository(base_branches),
            "body.pull_request.base.repo.full_name == body.repository.full_name",
            f"({_targets(base_branches)} || ({moved_away(forge, base_branches)}))",
            "body.pull_request.head.repo != null",
            "body.pull_request.head.repo.full_name == body.repository.full_name",
            "body.pull_request.head.label.matches('.')",
            f"body.pull_request.head.sha.matches({quote(SHA)})",
        ]
    )


def to_stage(forge: str, base_branches: Mapping[str, str]) -> str:
    """Return the filter for a pull request with something new to stage: it is new here, its head is, or it is ready now.

    Gitea marks a draft by its title, so that an edited title may be what makes it ready. A head that no branch holds is
    nobody's who may write; after a merge or a rejection the branch may be gone.
    """
    edits = ["has(body.changes.base)"]
    if forge == "gitea":
        edits += [
            "has(body.changes.ref)",
            f"(has(body.changes.title) && body.changes.title.from.matches({quote(DRAFT_TITLE)}))",
        ]
    actions = ", ".join(quote(action) for action in DELIVERED[forge])
    return every(
        [
            f"(body.action in [{actions}] || (body.action == 'edited' && ({' || '.join(edits)})))",
            "body.pull_request.state == 'open'",
            "body.pull_request.draft == false",
            "!body.pull_request.head.ref.startsWith('refs/')",
            _targets(base_branches),
        ]
    )


def moved_away(forge: str, base_branches: Mapping[str, str]) -> str:
    """Return the filter for a pull request that no longer targets its base branch.

    Gitea does not tell the former branch: its `changes.ref.from` is the new one.
    """
    left = f"(has(body.changes.base) && body.changes.base.ref.from == {_branch(base_branches)})"
    return every(
        [
            "body.action == 'edited'",
            left if forge == "github" else f"({left} || has(body.changes.ref))",
            f"!({_targets(base_branches)})",
        ]
    )


def merged(base_branches: Mapping[str, str]) -> str:
    """Return the filter for a pull request that was closed by merging it."""
    return every(
        [
            "body.action == 'closed'",
            "body.pull_request.merged == true",
            _targets(base_branches),
            f"body.pull_request.merge_commit_sha.matches({quote(SHA)})",
            f"(body.pull_request.merged_by == null || body.pull_request.merged_by.login.matches({quote(LOGIN)}))",
        ]
    )


def rejected(forge: str, base_branches: Mapping[str, str]) -> str:
    """Return the filter for a pull request that was closed without merging it, or taken off its base branch."""
    closed = every(["body.action == 'closed'", "body.pull_request.merged == false", _targets(base_branches)])
    return f"({closed}) || ({moved_away(forge, base_branches)})"


def known_comment(forge: str, base_branches: Mapping[str, str]) -> str:
    """Return the filter for a comment on an open pull request that everybody's triggers share.

    GitHub tells whether its author belongs to the repository; whether they may write is asked for later, on both forges.
    """
    known = [
        _known_repository(base_branches),
        "body.action == 'created'",
        "has(body.issue.pull_request)",
        "body.issue.pull_request != null",
        "body.issue.state == 'open'",
        "body.sender.login == body.comment.user.login",
        f"body.comment.user.login.matches({quote(PERSON)})",
    ]
    if forge == "github":
        known.append("body.comment.author_association in ['OWNER', 'MEMBER', 'COLLABORATOR']")
    return every(known)


def known_push(base_branches: Mapping[str, str]) -> str:
    """Return the filter for a push that everybody's triggers share."""
    return every([_known_repository(base_branches), *(f"body.{sha}.matches({quote(SHA)})" for sha in ("before", "after"))])


def moved_base(base_branches: Mapping[str, str]) -> str:
    """Return the filter for a push that moved a base branch; a deleted one points at nothing."""
    return every([f"body.ref == 'refs/heads/' + {_branch(base_branches)}", f"body.after != {quote('0' * 40)}"])


def vouched_for() -> str:
    """Return the filter for a comment that says nothing but `/ok-to-test` and a full commit sha."""
    return f"body.comment.body.matches({quote(OK_TO_TEST)})"


def sent_from(enterprise_host: str | None) -> str:
    """Return the condition that no other server is named: the header is not signed, and leads clients with a token there.

    GitHub Enterprise Server sends its own host in it with every webhook, github.com and Gitea do not send it.
    """
    header = "X-Github-Enterprise-Host"
    absent = f"!({quote(header)} in header)"
    return f"({absent} || header[{quote(header)}] == [{quote(enterprise_host)}])" if enterprise_host else absent


def caseless(by_repository: Mapping[str, T]) -> dict[str, T]:
    """Return a table of repositories as REPOSITORY looks them up."""
    return {name.lower(): value for name, value in by_repository.items()}


def pinned(repository_ids: Mapping[str, int]) -> list[str]:
    """Return the conditions that repositories are the forge's own numbers: a name may come to be another one's."""
    # JSON's numbers are doubles here.
    return [
        f"({REPOSITORY} != {quote(key)} || body.repository.id == {number}.0)"
        for key, number in sorted(caseless(repository_ids).items())
    ]


def _known_repository(base_branches: Mapping[str, str]) -> str:
    return one_of(REPOSITORY, caseless(base_branches))


def _branch(base_branches: Mapping[str, str]) -> str:
    """Return the expression for the branch that pull requests of the event's repository must target."""
    return lookup(caseless(base_branches), REPOSITORY)


def _targets(base_branches: Mapping[str, str]) -> str:
    return f"body.pull_request.base.ref == {_branch(base_branches)}"


def _utc(time: str) -> str:
    """Return the expression for a time in whole seconds of UTC: Gitea tells times in its server's zone.

    Names of runs are compared by it, with those of runs that people start (operate/runs.py).
    """
    return f"string(timestamp(int(timestamp({time}))))"


_NUMBER = "string(int(body.number))"
_UPDATED = _utc("body.pull_request.updated_at")
# What names an event's run: the pull request's number, what tells it from others of that number, and when.
_ATTEMPT = (_NUMBER, "body.pull_request.head.sha.truncate(8)", _UPDATED)
_NAMED_BY = {
    "pull-request": _ATTEMPT,
    "merge": _ATTEMPT,
    # May come within the second of another event about the same commit.
    "rejected": (_NUMBER, "'closed'", _UPDATED),
    "rebuild": (_NUMBER, "'closed'", _UPDATED),
    # GitHub tells when it was pushed, Gitea when the repository last changed.
    "base-moved": (
        quote(NO_NUMBER),
        "body.after.truncate(8)",
        f"(has(body.repository.pushed_at) ? string(int(body.repository.pushed_at)) : {_utc('body.repository.updated_at')})",
    ),
    # No commit begins with a t or an h, so that a comment can take no name from a push. GitHub tells whose word starts
    # nothing. On Gitea anybody's does: one run a minute for each of them about the head, and one about other commits.
    "ok-to-test": (
        "string(int(body.issue.number))",
        f"(has(body.pull_request) ? (body.pull_request.head.sha == {VOUCHED_FOR} ? 'h' : 't') + "
        f"string(int(body.comment.user.id) % 10000000) : 't' + {VOUCHED_FOR}.truncate(7))",
        f"({_utc('body.comment.created_at')}.translate('[^0-9]', '').truncate(has(body.pull_request) ? 12 : 14) + '00')",
    ),
}


def prefix(environment: str, shortened: Mapping[str, str]) -> str:
    """Return the expression for what names of a run and of its Pipeline begin with."""
    return prefixed("extensions.application", environment, shortened)


def run_name(environment: str, event: str, shortened: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the expression for a run's name, the same for a redelivery and another for every new event.

    Its time is part of the signed body: a redelivery repeats it, so the second PipelineRun is refused as one that exists;
    pushing the same commit again or reopening moves it, which gives a new attempt.
    """
    number, what, when = _NAMED_BY[event]
    return " + ".join(
        [
            dashed(prefix(environment, shortened)),
            f"{number} + '-'",
            f"{what} + '-'",
            f"{when}.translate('[^0-9]', '').truncate(14)",
        ]
    )
