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

# Tells people what waits, on the Deployment: `python -m operate approve` reads it there. The key is the pull request's.
note() { # note JSON_OR_NULL
    jq --null-input --arg key "tekton-delivery/awaits-approval-$PARAM_PULL_REQUEST" --argjson value "$1" \
        '{metadata: {annotations: {($key): (if $value then $value | tojson else null end)}}}' >"$SCRATCH/note.json"
    kube patch "$target" --type merge --field-manager "$FIELD_MANAGER" --patch-file "$SCRATCH/note.json" >/dev/null
}
noted=
# shellcheck disable=SC2329 # the trap calls it
forget() {
    code=$?
    trap '' HUP INT TERM
    [ -z "$noted" ] || note null || true
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
    if [ -z "$noted" ]; then
        noted=yes # before it is: a TERM may come in between
        note "$(jq --null-input --arg digest "$digest" --arg until "$deadline" '
            {digest: $digest, commit: env.PARAM_HEAD_SHA, pullRequest: env.PARAM_PULL_REQUEST, mergedBy: env.PARAM_MERGED_BY,
             run: env.PARAM_RUN, taskRun: env.RUN, taskRunUid: env.RUN_UID, count: (env.APPROVAL_COUNT | tonumber),
             until: ($until | tonumber | todate)}')"
        echo "waiting for $APPROVAL_COUNT of $APPROVERS to approve $digest"
    fi
    sleep 3
done
