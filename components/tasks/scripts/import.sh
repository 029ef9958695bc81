#!/bin/sh
# Copies a proven image, unchanged and with its mark, from the registry of the environment before this one. The mark is an
# OCI referrer of the image, which `crane copy` and `cosign copy` leave behind. Each side has a credential of its own.
set -eu

proven=$(cat "$RESULT_IMAGE_PATH")
[ -n "$proven" ] || exit 0 # nothing is rolled out
set -- --recursive --from-registry-config "$SOURCE_CONFIG/config.json" --to-registry-config "$DOCKER_CONFIG/config.json"
[ "$SOURCE_INSECURE" = true ] && set -- "$@" --from-plain-http
[ "$INSECURE" = true ] && set -- "$@" --to-plain-http
# Tagged with the commit that the mark speaks of: for people, and for the proof that follows.
oras copy --no-tty "$@" "$proven" "$PARAM_IMAGE:$(jq --raw-output .headSha "$RESULT_MARK_PATH")"
printf 'copied %s to %s\n' "$proven" "$PARAM_IMAGE"
