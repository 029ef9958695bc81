#!/bin/sh
# Deletes ended runs, but for each application the newest $KEEP. Their TaskRuns and pods go with them. A volume that is made
# for a pod lives as long as the pod's object, so those of ended pods go at once.
set -eu

if [ "$CLAIMS" = true ]; then
    ended=$(kubectl --namespace "$NAMESPACE" get pods --output json |
        jq --compact-output '[.items[] | select(.status.phase == "Succeeded" or .status.phase == "Failed").metadata.uid]')
    [ -n "$ended" ]
    volumes=$(kubectl --namespace "$NAMESPACE" get persistentvolumeclaims --output json)
    printf '%s' "$volumes" | jq --raw-output --argjson ended "$ended" '
        .items[].metadata | select(.deletionTimestamp == null)
        | select(any(.ownerReferences[]?; .kind == "Pod" and (.uid | IN($ended[])))).name' |
        xargs -r -n 50 kubectl --namespace "$NAMESPACE" delete persistentvolumeclaims --wait=false
fi

runs=$(kubectl --namespace "$NAMESPACE" get pipelineruns.tekton.dev --output json |
    jq --compact-output '[.items[] | select(.status.completionTime) |
        {name: .metadata.name, application: .metadata.labels["app.kubernetes.io/name"], ended: .status.completionTime}]')
[ -n "$runs" ]
printf '%s' "$runs" | jq --raw-output --argjson keep "$KEEP" \
    'group_by(.application)[] | sort_by(.ended) | .[:-$keep][].name' |
    xargs -r -n 50 kubectl --namespace "$NAMESPACE" delete pipelineruns.tekton.dev --wait=false
