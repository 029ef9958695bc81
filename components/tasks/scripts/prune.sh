#!/bin/sh
# Deletes ended runs, but for each application the newest $KEEP. Their TaskRuns and pods go with them.
set -eu

runs=$(kubectl --namespace "$NAMESPACE" get pipelineruns.tekton.dev --output json |
    jq --compact-output '[.items[] | select(.status.completionTime) |
        {name: .metadata.name, application: .metadata.labels["app.kubernetes.io/name"], ended: .status.completionTime}]')
[ -n "$runs" ]
printf '%s' "$runs" | jq --raw-output --argjson keep "$KEEP" \
    'group_by(.application)[] | sort_by(.ended) | .[:-$keep][].name' |
    xargs -r -n 50 kubectl --namespace "$NAMESPACE" delete pipelineruns.tekton.dev --wait=false
