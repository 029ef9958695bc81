#!/bin/sh
# Fetches one commit over SSH into $SOURCE and leaves nothing there that a later step could use to reach the forge.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

hex=$PARAM_HEAD_SHA
case $hex in *[!0-9a-f]*) hex= ;; esac
if [ ${#hex} -ne 40 ]; then
    printf "error: '%s' is no full commit sha (40 hex digits)\n" "$PARAM_HEAD_SHA" >&2
    exit 1
fi

git init --quiet --initial-branch=pull-request "$SOURCE"
cd "$SOURCE"
plainly git fetch --quiet --no-tags --depth=1 -- "$PARAM_REPOSITORY_URL" "$PARAM_REF"
plainly git -c advice.detachedHead=false checkout --quiet FETCH_HEAD
fetched=$(git rev-parse HEAD)
if [ "$fetched" != "$PARAM_HEAD_SHA" ]; then
    echo "error: $PARAM_REF is $fetched, and not $PARAM_HEAD_SHA" >&2
    exit 1
fi
# The subject is anybody's text, which some shells' echo would interpret, and a terminal too.
printf 'fetched %s: %s\n' "$PARAM_HEAD_SHA" "$(git log -1 --format=%s | plain)"
rm -f .git/FETCH_HEAD
