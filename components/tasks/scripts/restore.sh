#!/bin/sh
# After a pull request was closed unmerged: the environment returns to what it served before it. What people hold stays.
set -eu

# shellcheck source=SCRIPTDIR/rollout.sh
. "${0%/*}/rollout.sh"
# shellcheck source=SCRIPTDIR/ready.sh
. "${0%/*}/ready.sh"

others='def others: list("before") | remembered | map(select(.pullRequest != env.PARAM_PULL_REQUEST));
    def rejected: note("pull-request") == env.PARAM_PULL_REQUEST and (others | length) > 0;'
# shellcheck disable=SC2329 # settle calls it
noted() {
    jq "$facts $others"'
        others as $before
        | {"tekton-delivery/before": ($before | tojson)}
          + if rejected then
              $before[-1] as $last
              | (now | todate) as $now
              | {"tekton-delivery/before": ($before[:-1] | tojson),
                 "tekton-delivery/commit": $last.commit,
                 "tekton-delivery/pull-request": $last.pullRequest,
                 "tekton-delivery/digest": (if $last.commit then $last.image | split("@")[1] | formed("sha256:[0-9a-f]{64}")
                                              else null end),
                 "tekton-delivery/run": env.RUN,
                 "tekton-delivery/delivered-at": $now,
                 "tekton-delivery/history": appended($last + {run: env.RUN, at: $now})}
            else {} end'
}

acquire
while :; do
    live=$(kube get "$target" --output json)
    # What a killed deploy left is none that served.
    wanted=$(of "$live" "$others if rejected then others[-1].image elif rolling then served else empty end")
    if [ -n "$wanted" ]; then
        respect_people "$live" ""
        propose "$live" "$wanted"
    else
        # Forgetting a pull request changes nothing that anybody is looking at.
        printf '%s' "$live" | noted | jq --arg version "$(of "$live" .metadata.resourceVersion)" \
            '{metadata: {resourceVersion: $version, annotations: .}}' >"$SCRATCH/patch.json"
    fi
    change "$SCRATCH/patch.json" && break
done
[ -n "$wanted" ] || {
    say "nothing to restore"
    exit 0
}
await_rollout "$target" || {
    say "${wanted##*@} was not ready within $PARAM_TIMEOUT"
    exit 1
}
settle
say "restored $wanted"
