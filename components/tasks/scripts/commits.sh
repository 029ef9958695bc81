#!/bin/sh
# Fetches the history of one commit and of the base branch into $HISTORY: commits only, neither trees nor files.
set -eu

hex=$PARAM_COMMIT
case $hex in *[!0-9a-f]*) hex= ;; esac
if [ ${#hex} -ne 40 ]; then
    printf "error: '%s' is no full commit sha (40 hex digits)\n" "$PARAM_COMMIT" >&2
    exit 1
fi

git init --quiet --bare "$HISTORY"
git -C "$HISTORY" fetch --quiet --no-tags --filter=tree:0 -- "$PARAM_REPOSITORY_URL" \
    "+refs/heads/$PARAM_BASE_BRANCH:refs/heads/base" "+$PARAM_COMMIT:refs/heads/commit"
echo "$PARAM_COMMIT has tree $(git -C "$HISTORY" log -1 --format=%T commit)"
