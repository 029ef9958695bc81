"""CEL expressions for Tekton's cel interceptor: pure functions from values to text.

The fields are those of GitHub's `pull_request` webhook
(https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request); Gitea sends the same ones.
"""

from collections.abc import Iterable, Mapping

# Gitea says `synchronized` where GitHub says `synchronize`; every other action that matters has one name. A listener for
# Gitea takes GitHub's word as well, so that GitHub's own bodies can be replayed at it.
UPDATED = {"github": ("synchronize",), "gitea": ("synchronize", "synchronized")}

SHA = "^[0-9a-f]{40}$"
# A user's or an app's name on GitHub and Gitea: it ends up in an annotation.
LOGIN = r"^[A-Za-z0-9_.-]+(\[bot\])?$"


def quote(text: str) -> str:
    """Return `text` as a CEL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def lookup(table: Mapping[str, str], by: str) -> str:
    """Return the expression that looks `by` up in a map literal; CEL fails, and the trigger stops, for a missing key."""
    entries = ", ".join(f"{quote(name)}: {quote(value)}" for name, value in sorted(table.items()))
    return f"{{{entries}}}[{by}]"


def every(conditions: Iterable[str]) -> str:
    """Join conditions: all must hold."""
    return " && ".join(conditions)


def known_pull_request(base_branches: Mapping[str, str]) -> str:
    """Return the filter that all triggers share.

    `base_branches` maps each repository (`owner/name`) to the branch its pull requests must target. The head must lie
    in the same repository, so a fork starts nothing; its `repo` is null when a fork was deleted. The header that makes
    Tekton's github interceptor call another API host is not covered by the signature, so a request with it is refused.
    """
    repositories = ", ".join(quote(name) for name in sorted(base_branches))
    return every(
        [
            "!('X-Github-Enterprise-Host' in header)",
            f"body.repository.full_name in [{repositories}]",
            "body.pull_request.base.repo.full_name == body.repository.full_name",
            f"body.pull_request.base.ref == {lookup(base_branches, 'body.repository.full_name')}",
            "body.pull_request.head.repo != null",
            "body.pull_request.head.repo.full_name == body.repository.full_name",
            f"body.pull_request.head.sha.matches({quote(SHA)})",
        ]
    )


def opened_or_updated(forge: str) -> str:
    """Return the filter for a pull request with something new to stage."""
    actions = ", ".join(quote(action) for action in ("opened", "reopened", *UPDATED[forge]))
    return every([f"body.action in [{actions}]", "body.pull_request.state == 'open'"])


def merged() -> str:
    """Return the filter for a pull request that was closed by merging it."""
    return every(
        [
            "body.action == 'closed'",
            "body.pull_request.merged == true",
            f"body.pull_request.merge_commit_sha.matches({quote(SHA)})",
            f"body.pull_request.merged_by.login.matches({quote(LOGIN)})",
        ]
    )


def rejected() -> str:
    """Return the filter for a pull request that was closed without merging it."""
    return every(["body.action == 'closed'", "body.pull_request.merged == false"])


def run_name(environment: str, *, closed: bool = False) -> str:
    """Return the expression for a run's name, the same for a redelivery and another for every new event.

    `updated_at` is part of the signed body: a redelivery repeats it, so the second PipelineRun is refused as one that
    exists; pushing the same commit again or reopening moves it, which gives a new attempt. The end of a pull request
    (`closed`) may come within the second of another event about the same commit, so its run is named otherwise.
    """
    return " + ".join(
        [
            f"extensions.application + '-{environment}-'",
            "string(int(body.number)) + '-'",
            "'closed-'" if closed else "body.pull_request.head.sha.truncate(8) + '-'",
            # To the second: what may follow is a fraction, or the zone of the forge's server.
            "body.pull_request.updated_at.translate('[^0-9]', '').truncate(14)",
        ]
    )
