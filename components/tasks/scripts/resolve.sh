#!/bin/sh
# Finds the digest of the image that was built for the merged pull request's head. Never builds one.
set -eu

set --
[ "$INSECURE" = true ] && set -- --insecure
digest=$(crane digest "$@" "$PARAM_IMAGE:$PARAM_HEAD_SHA") || {
    echo "error: no image for $PARAM_HEAD_SHA in $PARAM_IMAGE: staging has not finished it, or its tests failed" >&2
    exit 1
}
hex=${digest#sha256:}
case $hex in *[!0-9a-f]*) hex= ;; esac
if [ "$digest" != "sha256:$hex" ] || [ ${#hex} -ne 64 ]; then
    printf "error: the registry answers with no digest but '%s'\n" "$digest" >&2
    exit 1
fi
printf '%s' "$PARAM_IMAGE@$digest" >"$RESULT_IMAGE_PATH"
echo "promoting $PARAM_IMAGE@$digest"
