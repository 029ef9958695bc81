#!/bin/sh
# Decides whether a merged pull request may go on: the merge lies on the base branch, and a mark of the environment before
# this one is valid for this repository, this head and the very tree that the merge made: of an application with paths, for
# what lies there. Or it is valid for the merge commit itself, rebuilt there. A tag only says where to look. A merge that does
# not touch the application has nothing to prove.
set -eu

refuse() {
    printf '%s' "$1" >"$RESULT_REASON_PATH"
    printf 'refused: %s\n' "$1" >&2
    exit 1
}

git -C "$HISTORY" merge-base --is-ancestor commit base ||
    refuse "the merge commit $PARAM_MERGE_SHA is not on the branch $PARAM_BASE_BRANCH"
jq --exit-status .touched "$CONTENT" >/dev/null || {
    : >"$RESULT_IMAGE_PATH"
    printf no >"$RESULT_TOUCHED_PATH"
    printf 'nothing to roll out: the merge does not touch %s' "$(printf '%s' "$PARAM_PATHS" | tr '\n' ' ')" |
        tee "$RESULT_REASON_PATH"
    exit
}

registry='' cosign=''
[ "$INSECURE" = true ] && registry=--insecure && cosign='--allow-http-registry --allow-insecure-registry'

# Prints the marks of a commit's image that speak of this application, commit and environment, one a line. Marks name the
# application since a repository may have several.
marks() { # marks COMMIT
    # shellcheck disable=SC2086 # no flag, or one
    digest=$(crane digest $registry "$PARAM_IMAGE:$1" 2>>"$SCRATCH/log") || return
    # shellcheck disable=SC2086 # no flag, or two
    cosign verify-attestation $cosign --key env://PUBLIC_KEY --type "$MARK_TYPE" --insecure-ignore-tlog=true \
        "$PARAM_IMAGE@$digest" 2>>"$SCRATCH/log" |
        jq --compact-output --arg repository "$PARAM_REPOSITORY" --arg commit "$1" --arg digest "$digest" \
            --arg environment "$PROMOTES_FROM" --arg application "$PARAM_APPLICATION" '
            .payload | @base64d | fromjson | .predicate
            | select(.repository == $repository and .headSha == $commit and .digest == $digest
                     and .environment == $environment and (.application // $application) == $application)'
}
# Of marks, prints the first one about what the merge made.
fitting() {
    jq --compact-output --slurp --slurpfile merged "$CONTENT" '
        map(select((.paths // .tree) == ($merged[0] | .paths // .tree)))[0] // empty'
}

way_out="python -m operate rebuild $ENVIRONMENT $PARAM_APPLICATION $PARAM_PULL_REQUEST"
deadline=$(($(date +%s) + MARK_TIMEOUT))
while :; do
    : >"$SCRATCH/log"
    stale=
    # The pull request's head, or the merge commit that was rebuilt because the base branch had moved.
    for commit in "$PARAM_HEAD_SHA" "$PARAM_MERGE_SHA"; do
        vouched=$(marks "$commit") || vouched=
        mark=$(printf '%s' "$vouched" | fitting)
        [ -z "$mark" ] || break 2
        [ -z "$vouched" ] || stale=yes
    done
    if [ -n "$stale" ] && [ "$STALE_BASE" = refuse ]; then
        refuse "$PARAM_BASE_BRANCH has moved since $PROMOTES_FROM ran this; to ship what was merged: $way_out"
    fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
        cat "$SCRATCH/log" >&2
        refuse "$PROMOTES_FROM has not vouched for it within $MARK_TIMEOUT s, see its status; then: $way_out"
    fi
    echo "waiting for the mark of $PROMOTES_FROM"
    sleep 2
done

image=$PARAM_IMAGE@$(printf '%s' "$mark" | jq --raw-output .digest)
printf '%s' "$mark" >"$RESULT_MARK_PATH"
printf '%s' "$image" >"$RESULT_IMAGE_PATH"
printf 'proven: %s, %s\n' "$image" "$(jq --compact-output '.paths // .tree' "$CONTENT")"
