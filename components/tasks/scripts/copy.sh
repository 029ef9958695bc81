#!/bin/sh
# Copies the image from quarantine to the application's repository, by digest and unchanged, and tags it for people.
set -eu

# Not grep, which judges line by line: one good line among others would do.
hex=${PARAM_DIGEST#sha256:}
case $hex in *[!0-9a-f]*) hex= ;; esac
if [ "$PARAM_DIGEST" != "sha256:$hex" ] || [ ${#hex} -ne 64 ]; then
    printf "error: pod 1 gave no digest but '%s'\n" "$PARAM_DIGEST" >&2
    exit 1
fi
set --
[ "$INSECURE" = true ] && set -- --insecure
crane copy "$@" "$PARAM_QUARANTINE_IMAGE@$PARAM_DIGEST" "$PARAM_IMAGE:$PARAM_HEAD_SHA"
printf '%s' "$PARAM_IMAGE@$PARAM_DIGEST" >"$RESULT_IMAGE_PATH"
echo "copied $PARAM_IMAGE@$PARAM_DIGEST"
