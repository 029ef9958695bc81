#!/bin/sh
# Copies a proven image, unchanged and with its mark, from the registry of the environment before this one. The mark is an
# OCI referrer of the image, which `crane copy` and `cosign copy` leave behind. Each side has a credential of its own.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

proven=$(cat "$RESULT_IMAGE_PATH")
[ -n "$proven" ] || exit 0 # nothing is rolled out
hex=${proven##*@sha256:}
set -- --recursive --from-registry-config "$SOURCE_CONFIG/config.json" --to-registry-config "$DOCKER_CONFIG/config.json"
[ "$SOURCE_INSECURE" = true ] && set -- "$@" --from-plain-http
[ "$INSECURE" = true ] && set -- "$@" --to-plain-http
# Tagged with the commit that the mark speaks of: by one tag that keeps this image, and by one for people, which may move.
commit=$(jq --raw-output .headSha "$RESULT_MARK_PATH")
tag=$commit-$PARAM_PULL_REQUEST-$(printf '%s' "$hex" | cut -c 1-12)
plainly oras copy --no-tty "$@" "$proven" "$PARAM_IMAGE:$tag,$commit"
printf 'copied %s to %s\n' "$proven" "$PARAM_IMAGE"
