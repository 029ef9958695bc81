#!/bin/sh
# Rolls an image out by digest and waits until it serves. If it does not, the former image is restored and both are told.
# Where $HISTORY is given, a commit never replaces one that it is an ancestor of. What people hold or froze stays.
set -eu

# shellcheck source=SCRIPTDIR/rollout.sh
. "${0%/*}/rollout.sh"
# shellcheck source=SCRIPTDIR/ready.sh
. "${0%/*}/ready.sh"

image=$(cat "$RESULT_IMAGE_PATH")
if [ -z "$image" ] && ! { [ -n "$BASE_PATH" ] && [ -s "$BASE_PATH" ]; }; then
    exit 0 # the merge does not touch the application
fi

# Decides by ancestry, not by clock, whether what runs now is newer.
is_older() {
    running=$(of "$live" 'note("merge-commit") | sha // ""')
    [ -n "$running" ] && [ "$running" != "$PARAM_MERGE_SHA" ] || return 1
    git -C "$HISTORY" merge-base --is-ancestor "$PARAM_MERGE_SHA" "$running" && return 0
    git -C "$HISTORY" merge-base --is-ancestor "$running" "$PARAM_MERGE_SHA" && return 1
    say "what runs was merged as $running, which is no ancestor of $PARAM_MERGE_SHA: was the branch rewritten?"
    exit 1
}

# The base branch has moved on from what the merge made, as prove.sh says: it may be in what runs, and is never rolled out.
if [ -z "$image" ]; then
    live=$(kube get "$target" --output json)
    if is_older; then
        say "superseded: what runs was merged later"
    elif [ "$running" = "$PARAM_MERGE_SHA" ]; then
        say "this merge is what runs"
    else
        say "$(cat "$RESULT_REASON_PATH")"
        exit 1
    fi
    exit 0
fi

mark=null
[ -z "$MARK_PATH" ] || mark=$(cat "$MARK_PATH")
approved_by=null
[ -z "$APPROVED_BY_PATH" ] || approved_by=$(cat "$APPROVED_BY_PATH")

# shellcheck disable=SC2329 # settle calls it
noted() {
    jq --arg image "$image" --arg former "$former" --arg commit "$PARAM_HEAD_SHA" --arg pull "$PARAM_PULL_REQUEST" \
        --arg merge "$PARAM_MERGE_SHA" --arg by "$PARAM_MERGED_BY" --argjson mark "$mark" --argjson approvedBy "$approved_by" "$facts"'
        def given: if . == "" then null else . end;
        (now | todate) as $now
        | {
            "tekton-delivery/commit": $commit,
            "tekton-delivery/pull-request": $pull,
            "tekton-delivery/digest": ($image | split("@")[1]),
            "tekton-delivery/merge-commit": ($merge | given),
            "tekton-delivery/merged-by": ($by | given),
            "tekton-delivery/run": env.RUN,
            "tekton-delivery/delivered-at": $now,
            "tekton-delivery/before": (
              if note("pull-request") == $pull then list("before")
              else (list("before") + [{image: $former, commit: note("commit"), pullRequest: note("pull-request")}]) end
              | remembered | tojson),
            "tekton-delivery/history": appended(
              {image: $image, commit: $commit, pullRequest: $pull, mergeCommit: ($merge | given), mergedBy: ($by | given),
               run: env.RUN, at: $now, mark: $mark, approvedBy: $approvedBy})
          }'
}

lease_seconds=$((lease_seconds + PARAM_SMOKE_SECONDS))
acquire
while :; do
    live=$(kube get "$target" --output json)
    if [ -n "$PARAM_MERGE_SHA" ] && is_older; then
        say "superseded: what runs was merged later"
        exit 0
    fi
    respect_people "$live" "$PARAM_PULL_REQUEST"
    propose "$live" "$image"
    change "$SCRATCH/patch.json" && break
done

# Asks the application what its settings say, and again for a while if the answer is wrong. What it sends after the first MiB
# is nobody's concern: it is a pull request's code.
smoke_check() {
    [ -n "$PARAM_SMOKE_URL" ] || return 0
    until=$(($(date +%s) + PARAM_SMOKE_SECONDS))
    while :; do
        {
            ended=0
            curl --silent --max-time 5 --write-out '%{stderr}%{http_code}' "$PARAM_SMOKE_URL" 2>"$SCRATCH/status" || ended=$?
            printf ' %s\n' "$ended" >>"$SCRATCH/status"
        } | head -c 1048576 >"$SCRATCH/answer"
        read -r status ended <"$SCRATCH/status"
        # 23: there was more to read.
        case $ended in 0 | 23) ;; *) status='no answer' ;; esac
        if [ "$status" != "$PARAM_SMOKE_STATUS" ]; then
            wrong="$status instead of $PARAM_SMOKE_STATUS"
        elif [ -n "$PARAM_SMOKE_CONTAINS" ] && ! grep -qF -e "$PARAM_SMOKE_CONTAINS" "$SCRATCH/answer"; then
            wrong="an answer without '$PARAM_SMOKE_CONTAINS'"
        else
            return 0
        fi
        [ "$(date +%s)" -lt "$until" ] || return 1
        sleep 1
    done
}

reason="${image##*@} was not ready within $PARAM_TIMEOUT"
if await_rollout "$target"; then
    if smoke_check; then
        settle
        say "serves on $NAMESPACE: ${image##*@}"
        exit 0
    fi
    reason="smoke check of ${image##*@} got $wrong"
fi
now=$(kube get "$target" --output json)
is_ours "$now" || {
    say "$reason; something else has been rolled out meanwhile"
    exit 1
}
if [ "$former" = "$image" ]; then
    go_back # to what was noted; there is no other image to wait for
    say "$reason"
elif go_back && await_rollout "$target"; then
    say "$reason; restored ${former##*@}"
else
    say "$reason, and restoring ${former##*@} failed as well"
fi
exit 1
