#!/bin/sh
# Says in $TOUCHES whether what moved the base branch touches the application: `no` where its paths hold what they held before.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

answer() { # answer yes|no
    printf '%s' "$1" >"$TOUCHES"
    printf 'touches the application: %s\n' "$1"
    exit
}
[ -n "$PARAM_PATHS" ] || answer yes
git init --quiet --bare "$SCRATCH/moved.git"
# What a forced push left behind, or the nothing before a branch was made, need not be there to be fetched.
plainly git -C "$SCRATCH/moved.git" fetch --quiet --no-tags --depth=1 --filter=blob:none -- "$PARAM_REPOSITORY_URL" \
    "$PARAM_BEFORE" "$PARAM_AFTER" || answer yes
IFS='
'
set -f
# shellcheck disable=SC2086 # one a line
if git -C "$SCRATCH/moved.git" --literal-pathspecs diff-tree --quiet "$PARAM_BEFORE" "$PARAM_AFTER" -- $PARAM_PATHS; then
    answer no
fi
answer yes
