#!/bin/sh
# Writes down which images the environment needs, whatever a rejected pull request left: what runs, what it would return to,
# and what its history tells of other pull requests. Nothing is deleted where that cannot be told.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

live=$(plainly kubectl --namespace "$NAMESPACE" get "deployment/$PARAM_DEPLOYMENT" --output json) || {
    echo "what $PARAM_DEPLOYMENT needs cannot be told: nothing is deleted"
    exit 0
}
printf '%s' "$live" | jq --compact-output --arg pull "$PARAM_PULL_REQUEST" '
    (.metadata.annotations // {}) as $notes
    | [
        (.spec.template.spec | (.containers + (.initContainers // []))[].image),
        ($notes["tekton-delivery/before"] // "[]" | fromjson | .[].image),
        ($notes["tekton-delivery/history"] // "[]" | fromjson | .[] | select(.pullRequest != $pull).image)
      ]
    | map(select(type == "string" and contains("@")) | split("@")[1]) | unique' >"$KEPT" 2>/dev/null || {
    : >"$KEPT"
    echo "what $PARAM_DEPLOYMENT has noted cannot be read: nothing is deleted"
}
