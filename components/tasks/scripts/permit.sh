#!/bin/sh
# Whether a comment may start the tests of a fork's pull request. What the run was told of it is nobody's word: the forge is
# asked whether it is there and says so, whether its author may write, and which commit is the head now.
set -eu

# shellcheck source=SCRIPTDIR/forge.sh
. "${0%/*}/forge.sh"
authorize
repository="$API_URL/repos/$PARAM_REPOSITORY"
answer() { # answer PERMITTED REASON
    told=$(printf '%s' "$2" | tr '\n' ' ' | plain)
    printf '%s' "$1" >"$RESULT_PERMITTED_PATH"
    printf '%s' "$told" >"$RESULT_REASON_PATH"
    printf '%s: %s\n' "$1" "$told"
    exit 0
}

# https://docs.github.com/en/rest/issues/comments#get-an-issue-comment
# Gitea names a pull request by its page, GitHub as an issue.
comment=$(forge "$repository/issues/comments/$PARAM_COMMENT") || comment='{}'
printf '%s' "$comment" | jq --exit-status --slurp 'length == 1 and (.[0] | type == "object"
    and .user.login == env.PARAM_COMMENTER
    and (.body // "" | test("\\A/ok-to-test " + env.PARAM_HEAD_SHA + "\\s*\\z"))
    and ([.pull_request_url, .issue_url] | any((. // "") | endswith("/" + env.PARAM_PULL_REQUEST))))' >/dev/null ||
    answer no "refused: the forge has no comment of $PARAM_COMMENTER there that says so (any more)"

# https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
permission=$(forge "$repository/collaborators/$PARAM_COMMENTER/permission" | jq --raw-output .permission)
case $permission in
admin | owner | maintain | write) ;;
*) answer no "refused: $PARAM_COMMENTER may not write to $PARAM_REPOSITORY" ;;
esac

pull=$(forge "$repository/pulls/$PARAM_PULL_REQUEST")
is() { # is EXPRESSION: about the pull request
    # Of nothing jq says that all is well.
    printf '%s' "$pull" | jq --exit-status --slurp "length == 1 and (.[0] | $1)" >/dev/null
}
is '.state == "open"' || answer no "refused: the pull request is not open"
is '.base.ref == env.PARAM_BASE_BRANCH' || answer no "refused: the pull request is not to $PARAM_BASE_BRANCH"
# A fork may be gone; its commits are still here. What was pushed for review (Gitea's AGit) is on no branch, so it has no label:
# who may read can do that.
is '.head.repo.full_name != env.PARAM_REPOSITORY or (.head.label // "") == ""' ||
    answer no "refused: the pull request is no fork's, its pushes are delivered"
is '.head.sha == env.PARAM_HEAD_SHA' ||
    answer stale "not the head: look at what is new, then say /ok-to-test $(printf '%s' "$pull" | jq --raw-output .head.sha)"
answer yes ""
