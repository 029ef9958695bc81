#!/bin/sh
# Decides whether a merged pull request may go on: the merge lies on the base branch, and a mark of the environment before
# this one is valid for this repository, this head and the very tree that the merge made. A tag only says where to look.
set -eu

refuse() {
    printf '%s' "$1" >"$RESULT_REASON_PATH"
    printf 'refused: %s\n' "$1" >&2
    exit 1
}

git -C "$HISTORY" merge-base --is-ancestor commit base ||
    refuse "the merge commit $PARAM_MERGE_SHA is not on the branch $PARAM_BASE_BRANCH"
tree=$(git -C "$HISTORY" log -1 --format=%T commit)

registry='' cosign=''
[ "$INSECURE" = true ] && registry=--insecure && cosign='--allow-http-registry --allow-insecure-registry'

# Prints the marks of a digest that speak of this repository, head and environment, one a line.
marks() {
    # shellcheck disable=SC2086 # no flag, or two
    cosign verify-attestation $cosign --key env://PUBLIC_KEY --type "$MARK_TYPE" --insecure-ignore-tlog=true \
        "$PARAM_IMAGE@$1" 2>"$SCRATCH/cosign.log" |
        jq --compact-output --arg repository "$PARAM_REPOSITORY" --arg headSha "$PARAM_HEAD_SHA" --arg digest "$1" \
            --arg environment "$PROMOTES_FROM" '.payload | @base64d | fromjson | .predicate
            | select(.repository == $repository and .headSha == $headSha and .digest == $digest
                     and .environment == $environment)'
}

deadline=$(($(date +%s) + MARK_TIMEOUT))
while :; do
    # shellcheck disable=SC2086 # no flag, or one
    digest=$(crane digest $registry "$PARAM_IMAGE:$PARAM_HEAD_SHA" 2>"$SCRATCH/crane.log") || digest=
    found=
    [ -z "$digest" ] || found=$(marks "$digest") || found=
    [ -n "$found" ] && break
    if [ "$(date +%s)" -ge "$deadline" ]; then
        cat "$SCRATCH/crane.log" "$SCRATCH/cosign.log" >&2 2>/dev/null || true
        refuse "$PROMOTES_FROM has not vouched for $PARAM_HEAD_SHA within ${MARK_TIMEOUT} s; see its status, then merge again by a new pull request"
    fi
    echo "waiting for the mark of $PROMOTES_FROM"
    sleep 2
done

printf '%s' "$found" |
    jq --exit-status --compact-output --slurp --arg tree "$tree" 'map(select(.tree == $tree))[0]' >"$RESULT_MARK_PATH" ||
    refuse "$PARAM_BASE_BRANCH has moved since $PROMOTES_FROM ran this: the merged tree is not the tested one; a pull request built on $PARAM_BASE_BRANCH ships both"

printf '%s' "$PARAM_IMAGE@$digest" >"$RESULT_IMAGE_PATH"
printf 'proven: %s, tree %s\n' "$PARAM_IMAGE@$digest" "$tree"
