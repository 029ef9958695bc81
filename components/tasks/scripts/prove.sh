#!/bin/sh
# Decides whether a merged pull request may go on: the merge lies on the base branch and made what the branch has now, and a
# mark of the environment before this one is valid for this repository, this head and the very tree that the merge made: of an
# application with paths, for what lies there. Or it is valid for the merge commit itself, rebuilt there. A tag only says where
# to look. A merge that does not touch the application has nothing to prove.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"
# shellcheck source=SCRIPTDIR/attested.sh
. "${0%/*}/attested.sh"

refuse() {
    refused=$(printf '%s' "$1" | tr '\n' ' ' | plain)
    printf '%s' "$refused" >"$RESULT_REASON_PATH"
    printf 'refused: %s\n' "$refused" >&2
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
way_out="python -m operate rebuild $ENVIRONMENT $PARAM_APPLICATION $PARAM_PULL_REQUEST"
# A commit on the branch need never have been its tip: one within a fast-forward was not, nor does its shape tell. What
# the branch has now, it has. The step that deploys refuses it, unless what runs is newer.
jq --exit-status .current "$CONTENT" >/dev/null || {
    : >"$RESULT_IMAGE_PATH"
    printf '%s' "$(git -C "$HISTORY" rev-parse base)" >"$RESULT_BASE_PATH"
    printf '%s' "$PARAM_BASE_BRANCH has moved on since this merge; to ship what it has now: $way_out" |
        tee "$RESULT_REASON_PATH"
    exit
}

registry=
[ "$INSECURE" = true ] && registry=--insecure

# Prints the digests of the images that may be a commit's, one a line. A copy has the one that was proven where it came from.
digests() { # digests COMMIT
    if [ "$COPIED" = true ]; then
        sed 's/.*@//' "$RESULT_IMAGE_PATH"
        return
    fi
    # The second one is all that stagings of the last release have set.
    for tag in "$1-$PROMOTES_FROM" "$1"; do
        # shellcheck disable=SC2086 # no flag, or one
        crane digest $registry "$PARAM_IMAGE:$tag" 2>>"$SCRATCH/log" || true
    done | uniq
}
# Prints the marks of a commit's images that speak of this application, commit and environment, one a line. Marks name the
# application since a repository may have several.
marks() { # marks COMMIT
    for digest in $(digests "$1"); do
        found=$(attested "$PARAM_IMAGE@$digest" 2>>"$SCRATCH/log" |
            jq --compact-output --arg repository "$PARAM_REPOSITORY" --arg commit "$1" --arg digest "$digest" \
                --arg environment "$PROMOTES_FROM" --arg application "$PARAM_APPLICATION" '
                select(.repository == $repository and .headSha == $commit and .digest == $digest
                       and .environment == $environment and (.application // $application) == $application)') ||
            continue
        printf '%s\n' "$found"
    done
}
# Of marks, prints those about what the merge made.
fitting() {
    jq --compact-output --slurpfile merged "$CONTENT" 'select((.paths // .tree) == ($merged[0] | .paths // .tree))'
}
# Of marks, prints the first one that is not too old.
fresh() {
    jq --compact-output --slurp --arg oldest "$MARK_MAX_AGE" '
        map(select($oldest == "" or (.at | try fromdateiso8601 catch 0) + ($oldest | tonumber) >= now))[0] // empty'
}

deadline=$(($(date +%s) + MARK_TIMEOUT))
while :; do
    : >"$SCRATCH/log"
    stale='' old=''
    # The pull request's head, or the merge commit that was rebuilt because the base branch had moved.
    for commit in "$PARAM_HEAD_SHA" "$PARAM_MERGE_SHA"; do
        vouched=$(marks "$commit")
        fit=$(printf '%s' "$vouched" | fitting)
        mark=$(printf '%s' "$fit" | fresh)
        [ -z "$mark" ] || break 2
        [ -z "$fit" ] || old=yes
        [ -z "$vouched" ] || stale=yes
    done
    [ -z "$old" ] ||
        refuse "$PROMOTES_FROM vouched for it longer ago than mark.maxAge allows; to ship it anew: $way_out"
    if [ -n "$stale" ] && [ "$STALE_BASE" = refuse ]; then
        refuse "$PARAM_BASE_BRANCH has moved since $PROMOTES_FROM ran this; to ship what was merged: $way_out"
    fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
        plain <"$SCRATCH/log" >&2
        refuse "$PROMOTES_FROM has not vouched for it within $MARK_TIMEOUT s, see its status; then: $way_out"
    fi
    echo "waiting for the mark of $PROMOTES_FROM"
    sleep 2
done

image=$PARAM_IMAGE@$(printf '%s' "$mark" | jq --raw-output .digest)
printf '%s' "$mark" >"$RESULT_MARK_PATH"
printf '%s' "$image" >"$RESULT_IMAGE_PATH"
printf 'proven: %s, %s\n' "$image" "$(jq --compact-output '.paths // .tree' "$CONTENT")" | plain
