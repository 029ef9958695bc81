#!/bin/sh
# Copies a proven image, unchanged and with its mark, from the registry of the environment before this one. The mark is an
# OCI referrer of the image, which `crane copy` and `cosign copy` leave behind. Each side has a credential of its own.
set -eu

proven=$(cat "$RESULT_IMAGE_PATH")
set -- --recursive --from-registry-config "$SOURCE_CONFIG/config.json" --to-registry-config "$DOCKER_CONFIG/config.json"
[ "$SOURCE_INSECURE" = true ] && set -- "$@" --from-plain-http
[ "$INSECURE" = true ] && set -- "$@" --to-plain-http
oras copy --no-tty "$@" "$proven" "$PARAM_IMAGE:$PARAM_HEAD_SHA"
printf 'copied %s to %s\n' "$proven" "$PARAM_IMAGE"
