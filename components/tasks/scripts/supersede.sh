#!/bin/sh
# Cancels the runs of a pull request that are older than this one, or all of them when the pull request was rejected.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

runs=$(plainly kubectl --namespace "$NAMESPACE" get pipelineruns.tekton.dev --output json \
    --selector "tekton-delivery/pull-request=$PARAM_PULL_REQUEST,app.kubernetes.io/name=$APPLICATION")
# Times have whole seconds. Of two runs of the same second the one whose name sorts last goes on, so that they do not end
# each other; a rejection ends both.
printf '%s' "$runs" | jq --raw-output --arg run "$PARAM_RUN" '
    (.items[] | select(.metadata.name == $run)) as $mine
    | .items[]
    | select(.metadata.name != $run and .status.completionTime == null and .spec.status == null
             and .metadata.labels["tekton-delivery/event"] != "rejected")
    | select(.metadata.creationTimestamp < $mine.metadata.creationTimestamp
             or (.metadata.creationTimestamp == $mine.metadata.creationTimestamp
                 and ($mine.metadata.labels["tekton-delivery/event"] == "rejected" or .metadata.name < $run)))
    | .metadata.name' |
    {
        code=0
        while IFS= read -r older; do
            # Finally tasks still run: the older commit's status must not stay pending.
            plainly kubectl --namespace "$NAMESPACE" patch pipelineruns.tekton.dev "$older" --type merge \
                --patch '{"spec": {"status": "CancelledRunFinally"}}' </dev/null && continue
            # It may have ended meanwhile, or be gone. One that goes on fails the step, but keeps no other one going.
            state=$(plainly kubectl --namespace "$NAMESPACE" get pipelineruns.tekton.dev "$older" --ignore-not-found \
                --output 'jsonpath={.metadata.name} {.status.completionTime}' </dev/null) || state="$older "
            if [ "$state" = "$older " ]; then
                echo "error: $older goes on" >&2
                code=1
            fi
        done
        exit "$code"
    }
