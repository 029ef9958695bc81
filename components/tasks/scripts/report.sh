#!/bin/sh
# Sets the commit status of this environment, with the reason of a failure in one line.
set -eu

case $PARAM_STATUS in
Succeeded | Completed)
    state=success
    description="$PARAM_RUN: serves on $ENVIRONMENT"
    ;;
*)
    state=failure
    # A status without a reason is better than none.
    runs=$(kubectl --namespace "$NAMESPACE" get taskruns.tekton.dev --output json \
        --selector "tekton.dev/pipelineRun=$PARAM_RUN") || runs='{"items": []}'
    description=$(printf '%s' "$runs" | jq --raw-output --arg run "$PARAM_RUN" '
        [.items[] | select(.status.conditions[0].status == "False")][0]
        | ([.status.steps[]? | select((.terminated.exitCode // 0) != 0)][0]) as $step
        | if $step then "\($run): step \($step.name) failed (exit code \($step.terminated.exitCode))"
          else "\($run): \(.status.conditions[0].message // "failed")" end
        | gsub("[[:cntrl:]]"; " ") | .[0:139]')
    ;;
esac
printf '%s: %s\n' "$state" "$description"

# GitHub and Gitea share path and body: https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
body=$(jq --null-input --arg state "$state" --arg context "tekton-delivery/$ENVIRONMENT" --arg description "$description" \
    '{state: $state, context: $context, description: $description}')
# The token comes by standard input: everybody on the node may read a command line.
printf 'header = "Authorization: Bearer %s"\n' "$(cat "$TOKEN_FILE")" |
    curl --config - --silent --show-error --fail-with-body --max-time 20 --retry 3 --retry-connrefused \
        --header 'Content-Type: application/json' --data "$body" --output /dev/null \
        "$API_URL/repos/$PARAM_REPOSITORY/statuses/$PARAM_HEAD_SHA"
