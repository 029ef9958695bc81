#!/bin/sh
# After a pull request was closed unmerged: the environment returns to what it served before it.
set -eu

while :; do
    live=$(kubectl --namespace "$NAMESPACE" get "deployment/$PARAM_DEPLOYMENT" --output json)
    printf '%s' "$live" | jq --raw-output --arg pull "$PARAM_PULL_REQUEST" --arg container "$PARAM_CONTAINER" '
        (.metadata.annotations // {}) as $notes
        | ($notes["tekton-delivery/before"] // "[]" | fromjson | map(select(.pullRequest != $pull))) as $before
        | {metadata: {resourceVersion: .metadata.resourceVersion, annotations: ({"tekton-delivery/before": ($before | tojson)})}}
          as $forget
        | if $notes["tekton-delivery/pull-request"] != $pull or ($before | length) == 0 then $forget
          else $before[-1] as $last
            | $forget
            | .metadata.annotations += {
                "tekton-delivery/before": ($before[:-1] | tojson), "tekton-delivery/commit": $last.commit,
                "tekton-delivery/pull-request": $last.pullRequest,
                "tekton-delivery/digest": (if $last.commit then $last.image | split("@")[1] else null end),
                "tekton-delivery/run": env.RUN, "tekton-delivery/delivered-at": (now | todate)}
            | .spec.template.spec.containers = [{name: $container, image: $last.image}]
          end' >"$SCRATCH/patch.json"
    answer=$(kubectl --namespace "$NAMESPACE" patch "deployment/$PARAM_DEPLOYMENT" --type strategic \
        --field-manager "$FIELD_MANAGER" --patch-file "$SCRATCH/patch.json" 2>&1) && break
    case $answer in
    *"the object has been modified"*) continue ;;
    esac
    printf '%s\n' "$answer" >&2
    exit 1
done
kubectl --namespace "$NAMESPACE" rollout status "deployment/$PARAM_DEPLOYMENT" --timeout "$PARAM_TIMEOUT"
jq --raw-output 'if .spec then "restored \(.spec.template.spec.containers[0].image)" else "nothing to restore" end' "$SCRATCH/patch.json"
