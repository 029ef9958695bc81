#!/bin/sh
# Says whether anything has to be built: not for an application with paths that a pull request does not touch, and not
# after a merge whose result is what the pull request's head was, which has been built before.
set -eu

needed() { # needed yes|no
    printf '%s' "$1" >"$RESULT_NEEDED_PATH"
    printf 'to be built: %s\n' "$1"
    exit
}
[ "$PARAM_ALWAYS" != yes ] || needed yes
if ! jq --exit-status .touched "$CONTENT" >/dev/null; then
    printf untouched >"$RESULT_PROMOTABLE_PATH"
    printf 'nothing to stage: it does not touch %s' "$(printf '%s' "$PARAM_PATHS" | tr '\n' ' ')" >"$RESULT_REASON_PATH"
    needed no
fi
if jq --exit-status .tested "$CONTENT" >/dev/null; then
    needed no
fi
needed yes
