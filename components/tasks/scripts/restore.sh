#!/bin/sh
# After a pull request was closed unmerged: the environment returns to what it served before it. What people hold stays.
set -eu

# shellcheck source=SCRIPTDIR/rollout.sh
. "${0%/*}/rollout.sh"
# shellcheck source=SCRIPTDIR/ready.sh
. "${0%/*}/ready.sh"

acquire
while :; do
    live=$(kube get "$target" --output json)
    printf '%s' "$live" | jq --raw-output --arg pull "$PARAM_PULL_REQUEST" --arg container "$PARAM_CONTAINER" '
        (.metadata.annotations // {}) as $notes
        | ($notes["tekton-delivery/before"] // "[]" | fromjson | map(select(.pullRequest != $pull))) as $before
        | ($notes["tekton-delivery/history"] // "[]" | fromjson) as $history
        | (now | todate) as $now
        | {metadata: {resourceVersion: .metadata.resourceVersion, annotations: ({"tekton-delivery/before": ($before | tojson)})}}
          as $forget
        | if $notes["tekton-delivery/pull-request"] != $pull or ($before | length) == 0 then $forget
          else $before[-1] as $last
            | $forget
            | .metadata.annotations += {
                "tekton-delivery/before": ($before[:-1] | tojson), "tekton-delivery/commit": $last.commit,
                "tekton-delivery/pull-request": $last.pullRequest,
                "tekton-delivery/digest": (if $last.commit then $last.image | split("@")[1] else null end),
                "tekton-delivery/run": env.RUN, "tekton-delivery/delivered-at": $now,
                "tekton-delivery/history": (
                  $history + [$last + {run: env.RUN, at: $now} | with_entries(select(.value != null))] | .[-20:] | tojson)}
            | .spec.template.spec.containers = [{name: $container, image: $last.image}]
          end' >"$SCRATCH/patch.json"
    # Forgetting a pull request changes nothing that anybody is looking at.
    [ "$(jq 'has("spec")' "$SCRATCH/patch.json")" = false ] || respect_people "$live" ""
    change "$SCRATCH/patch.json" && break
done
await_rollout "$target"
say "$(jq --raw-output 'if .spec then "restored \(.spec.template.spec.containers[0].image)" else "nothing to restore" end' "$SCRATCH/patch.json")"
