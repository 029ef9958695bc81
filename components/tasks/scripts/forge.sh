#!/bin/sh
# How the forge is asked, and commit statuses are set; it is put into the scripts of the steps that do.
set -eu

# GitHub and Gitea share path and body: https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
forge() {
    # The token comes by standard input: everybody on the node may read a command line.
    printf 'header = "Authorization: Bearer %s"\n' "$(cat "$TOKEN_FILE")" |
        curl --config - --silent --show-error --fail-with-body --max-time 20 --retry 3 --retry-connrefused \
            --header 'Content-Type: application/json' "$@"
}
set_status() { # set_status SHA CONTEXT STATE DESCRIPTION
    printf '%s %s: %s: %s\n' "$1" "$2" "$3" "$4"
    body=$(jq --null-input --arg state "$3" --arg context "tekton-delivery/$2" --arg description "$4" \
        '{state: $state, context: $context, description: $description}')
    forge --data "$body" --output /dev/null "$API_URL/repos/$PARAM_REPOSITORY/statuses/$1"
}
