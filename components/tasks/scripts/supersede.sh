#!/bin/sh
# Cancels the runs of a pull request that are older than this one, or all of them when the pull request was rejected.
set -eu

kubectl --namespace "$NAMESPACE" get pipelineruns.tekton.dev --output json \
    --selector "tekton-delivery/pull-request=$PARAM_PULL_REQUEST,app.kubernetes.io/name=$APPLICATION" |
    jq --raw-output --arg run "$PARAM_RUN" '
        (.items[] | select(.metadata.name == $run).metadata.creationTimestamp) as $mine
        | .items[]
        | select(.metadata.name != $run and .metadata.creationTimestamp <= $mine and .status.completionTime == null
                 and .metadata.labels["tekton-delivery/event"] != "rejected" and .spec.status == null)
        | .metadata.name' |
    while IFS= read -r older; do
        # Finally tasks still run: the older commit's status must not stay pending.
        kubectl --namespace "$NAMESPACE" patch pipelineruns.tekton.dev "$older" --type merge \
            --patch '{"spec": {"status": "CancelledRunFinally"}}'
    done
