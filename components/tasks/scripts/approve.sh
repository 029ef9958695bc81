#!/bin/sh
# Waits until enough people have approved the digest that is to be rolled out, and refuses when that takes too long. Who may
# approve, and that nobody does so in another one's name, is what the admission policy `approvals` decides.
set -eu

# shellcheck source=SCRIPTDIR/rollout.sh
. "${0%/*}/rollout.sh"

image=$(cat "$RESULT_IMAGE_PATH")
[ -n "$image" ] || exit 0 # the merge does not touch the application
digest=${image##*@}
deadline=$(($(date +%s) + APPROVAL_SECONDS))

# Tells people what waits, on the Deployment: `python -m operate approve` reads it there. The key is the pull request's. The
# admission policy lets 20 of them in: where others leave no room, those that no run can have written go first, then those that
# end first. A run whose note went notes it again.
annotate() { # annotate DEPLOYMENT_AS_JSON NOTE_OR_NULL
    printf '%s' "$1" | jq --arg key "$key" --argjson value "$2" --argjson seconds "$APPROVAL_SECONDS" '
        [(.metadata.annotations // {}) | to_entries[] | select(.key != $key and (.key | startswith("tekton-delivery/awaits-approval-")))
         | {key, until: (try (.value | fromjson.until | fromdateiso8601) catch 0)}
         | .until = if .until > now + $seconds + 60 then 0 else .until end] as $others
        | {metadata: {annotations: (
            {($key): (if $value then $value | tojson else null end)}
            + if $value then [$others | sort_by(.until)[: ($others | length | if . > 19 then . - 19 else 0 end)][]
                              | {(.key): null}] | add // {} else {} end)}}' >"$SCRATCH/note.json"
    plainly kube patch "$target" --type merge --field-manager "$FIELD_MANAGER" --patch-file "$SCRATCH/note.json" >/dev/null
}
key=tekton-delivery/awaits-approval-$PARAM_PULL_REQUEST
noted=
# shellcheck disable=SC2329 # the trap calls it
forget() {
    code=$?
    trap '' HUP INT TERM
    [ -z "$noted" ] || annotate '{}' null || true
    exit "$code"
}
trap forget EXIT
trap 'exit 143' HUP INT TERM

while :; do
    given=$(kubectl --namespace "$APPROVALS_NAMESPACE" get configmaps --output json \
        --selector "tekton-delivery/approval=$PARAM_DEPLOYMENT")
    names=$(printf '%s' "$given" | jq --compact-output --arg digest "$digest" \
        '[.items[].data | select(.digest == $digest).approver] | unique')
    if printf '%s' "$names" | jq --exit-status --argjson count "$APPROVAL_COUNT" 'length >= $count' >/dev/null; then
        printf '%s' "$names" >"$RESULT_APPROVED_BY_PATH"
        printf 'approved: %s by %s\n' "$digest" "$names" | plain
        exit 0
    fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
        say "refused: $(printf '%s' "$names" | jq length) of $APPROVAL_COUNT approvals came within $APPROVAL_TIMEOUT, asked for from $APPROVERS"
        exit 1
    fi
    live=$(kube get "$target" --output json)
    if ! printf '%s' "$live" | jq --exit-status --arg key "$key" \
        '.metadata.annotations[$key] // "" | try (fromjson.run == env.PARAM_RUN) catch false' >/dev/null; then
        [ -n "$noted" ] || echo "waiting for $APPROVAL_COUNT of $APPROVERS to approve $digest"
        noted=yes # before it is: a TERM may come in between
        annotate "$live" "$(jq --null-input --arg digest "$digest" --arg until "$deadline" '
            {digest: $digest, commit: env.PARAM_HEAD_SHA, pullRequest: env.PARAM_PULL_REQUEST, mergedBy: env.PARAM_MERGED_BY,
             run: env.PARAM_RUN, taskRun: env.RUN, taskRunUid: env.RUN_UID, count: (env.APPROVAL_COUNT | tonumber),
             until: ($until | tonumber | todate)}')" || echo "it could not be noted on $PARAM_DEPLOYMENT; trying again"
    fi
    sleep 3
done
