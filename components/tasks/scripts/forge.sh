#!/bin/sh
# How the forge is asked, and commit statuses are set; it is put into the scripts of the steps that do.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

# A token comes by standard input: everybody on the node may read a command line. An answer of more than 32 MiB is none: whoever
# may open pull requests writes what the forge says, and curl alone holds to a size only where the forge names it.
call() { # call TOKEN CURL_ARGUMENT...
    {
        answered=$({ { ask "$@" 3>&- 4>&- && echo 0 >&3 || echo $? >&3; } | head -c 33554432 >&4; } 3>&1)
    } 4>&1
    return "$answered"
}
ask() {
    printf 'header = "Authorization: Bearer %s"\n' "$1" | {
        shift
        plainly curl --config - --silent --show-error --max-time 20 --retry 3 --retry-connrefused --max-filesize 33554432 \
            --header 'Content-Type: application/json' "$@"
    }
}

base64url() {
    openssl base64 -A | tr '+/' '-_' | tr -d '='
}
# https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
# It begins a minute ago and ends within the 10 minutes that GitHub allows, for clocks that differ.
app_jwt() {
    claims=$(jq --null-input --compact-output --argjson now "$(date +%s)" \
        '{iat: ($now - 60), exp: ($now + 300), iss: env.APP_ID}')
    signed=$(printf '{"alg":"RS256","typ":"JWT"}' | base64url).$(printf '%s' "$claims" | base64url)
    signature=$(printf '%s' "$signed" | openssl dgst -sha256 -sign "$APP_KEY_FILE" | base64url)
    [ -n "$signature" ] || return
    printf '%s.%s' "$signed" "$signature"
}

# Finds the token by which this step talks to the forge: a file's, or one that a GitHub App's installation gives for an hour,
# for this repository and what this step does there.
authorize() {
    if [ -n "${TOKEN_FILE:-}" ]; then
        token=$(cat "$TOKEN_FILE")
        return
    fi
    jwt=$(app_jwt) || {
        echo "error: the private key of the GitHub App $APP_ID does not sign" >&2
        return 1
    }
    wanted=$(jq --null-input --compact-output --arg repository "${PARAM_REPOSITORY#*/}" --argjson rights "$APP_RIGHTS" \
        '{repositories: [$repository], permissions: $rights}')
    # Without the body of an answer that refuses: of several attempts it would stand before the token.
    if answer=$(call "$jwt" --fail --write-out '\n%{http_code}' --data "$wanted" \
        "$API_URL/app/installations/$APP_INSTALLATION/access_tokens") &&
        token=$(printf '%s' "$answer" | sed '$d' | jq --raw-output '.token // empty') && [ -n "$token" ]; then
        return
    fi
    status=${answer##*[!0-9]}
    case $status in
    401) why="its private key is not one of this App's, or the clock of this node is wrong" ;;
    403) why="its installation $APP_INSTALLATION is suspended" ;;
    404) why="it has no installation $APP_INSTALLATION" ;;
    422) why="its installation $APP_INSTALLATION lacks $PARAM_REPOSITORY or one of the rights $APP_RIGHTS" ;;
    *) why="no answer that holds one" ;;
    esac
    echo "error: the forge gives the GitHub App $APP_ID no token (status ${status:-none}): $why" >&2
    return 1
}

# GitHub and Gitea share path and body: https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
forge() { # forge CURL_ARGUMENT...; authorize comes first
    call "$token" --fail-with-body "$@"
}
set_status() { # set_status SHA CONTEXT STATE DESCRIPTION
    told=$(printf '%s' "$4" | tr '\n' ' ' | plain)
    printf '%s %s: %s: %s\n' "$1" "$2" "$3" "$told"
    body=$(jq --null-input --arg state "$3" --arg context "tekton-delivery/$2" --arg description "$told" \
        '{state: $state, context: $context, description: $description}')
    forge --data "$body" --output /dev/null "$API_URL/repos/$PARAM_REPOSITORY/statuses/$1"
}
