#!/bin/sh
# Copies the image from quarantine to the application's repository, by digest and unchanged, and tags it for people.
set -eu

printf '%s' "$PARAM_DIGEST" | grep -Eqx 'sha256:[0-9a-f]{64}' || {
    echo "error: pod 1 gave no digest but '$PARAM_DIGEST'" >&2
    exit 1
}
set --
[ "$INSECURE" = true ] && set -- --insecure
crane copy "$@" "$PARAM_QUARANTINE_IMAGE@$PARAM_DIGEST" "$PARAM_IMAGE:$PARAM_HEAD_SHA"
printf '%s' "$PARAM_IMAGE@$PARAM_DIGEST" >"$RESULT_IMAGE_PATH"
echo "copied $PARAM_IMAGE@$PARAM_DIGEST"
