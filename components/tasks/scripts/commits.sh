#!/bin/sh
# Fetches the history of one commit and of the base branch into $HISTORY: commits only, neither trees nor files. What they
# say about the application goes to $CONTENT, as JSON:
#   tree     the commit's tree
#   paths    for an application with paths, what lies there, by path
#   current  whether the base branch has nothing for the application that the commit has not; after a merge: whether it has
#            the very same
#   touched  whether the pull request changes the application
#   tested   where $COMPARE asks for it: whether a merge made of the application what the pull request's head was
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

for commit in "$PARAM_COMMIT" ${PARAM_MERGED_HEAD:+"$PARAM_MERGED_HEAD"}; do
    hex=$commit
    case $hex in *[!0-9a-f]*) hex= ;; esac
    if [ ${#hex} -ne 40 ]; then
        printf "error: '%s' is no full commit sha (40 hex digits)\n" "$commit" >&2
        exit 1
    fi
done

history() {
    git -C "$HISTORY" "$@"
}
git init --quiet --bare "$HISTORY"
plainly git -C "$HISTORY" fetch --quiet --no-tags --filter=tree:0 -- "$PARAM_REPOSITORY_URL" \
    "+refs/heads/$PARAM_BASE_BRANCH:refs/heads/base" "+$PARAM_COMMIT:refs/heads/commit"
tree=$(history log -1 --format=%T commit)
echo "$PARAM_COMMIT has tree $tree"

fetch_head() {
    plainly git -C "$HISTORY" fetch --quiet --no-tags --filter=tree:0 -- "$PARAM_REPOSITORY_URL" "+$PARAM_MERGED_HEAD:refs/heads/head"
}
if [ -z "$PARAM_PATHS" ]; then
    current=true tested=false
    if [ -n "$PARAM_MERGED_HEAD" ]; then
        [ "$(history log -1 --format=%T base)" = "$tree" ] || current=false
    else
        history merge-base --is-ancestor base commit || current=false
    fi
    if [ -n "$PARAM_MERGED_HEAD" ] && [ "$COMPARE" = true ]; then
        fetch_head
        [ "$(history log -1 --format=%T head)" != "$tree" ] || tested=true
    fi
    printf '{"tree": "%s", "current": %s, "touched": true, "tested": %s}\n' "$tree" "$current" "$tested" >"$CONTENT"
    exit
fi

# Of single commits, and of folders alone: a lazy fetch would take a request for each folder on the way.
trees=${HISTORY%.git}-trees.git
fetch_trees() { # fetch_trees COMMIT...
    plainly git -C "$trees" fetch --quiet --no-tags --depth=1 --filter=blob:none -- "$PARAM_REPOSITORY_URL" "$@"
}
git init --quiet --bare "$trees"

# Prints what a commit has at each path, one a line; nothing for a path that it has not.
content() { # content COMMIT
    while IFS= read -r path; do
        entry=$(git -C "$trees" ls-tree --format='%(objectmode) %(objectname)' "$1" "$path") || return
        printf '%s %s\n' "$path" "$entry"
    done <<PATHS
$PARAM_PATHS
PATHS
}

current=true touched=true tested=false
base=$(history rev-parse base)
if [ -z "$PARAM_MERGED_HEAD" ]; then
    fork=$(history merge-base base commit)
    fetch_trees "$PARAM_COMMIT" "$base" "$fork"
    here=$(content "$PARAM_COMMIT") before=$(content "$fork") now=$(content "$base")
    [ "$now" = "$before" ] || [ "$now" = "$here" ] || current=false
    [ "$here" != "$before" ] || touched=false
else
    # What the merge changed on the base branch. Of a rebase only the last commit is told, so the pull request's own commits
    # must not touch the application either, unless it is this pull request's merge commit. A fast-forward does not tell
    # where the pull request began: it may touch it.
    fetch_head
    parent=$(history rev-parse commit^1) fork=$(history merge-base head commit^1)
    fetch_trees "$PARAM_COMMIT" "$base" "$parent" "$PARAM_MERGED_HEAD" "$fork"
    here=$(content "$PARAM_COMMIT") before=$(content "$parent") own=$(content "$PARAM_MERGED_HEAD") now=$(content "$base")
    [ "$now" = "$here" ] || current=false
    [ "$own" != "$here" ] || tested=true
    if [ "$here" = "$before" ] && [ "$PARAM_MERGED_HEAD" != "$PARAM_COMMIT" ] &&
        ! history merge-base --is-ancestor head commit^1; then
        forked=$(content "$fork")
        if [ "$own" = "$forked" ] || [ "$(history rev-parse --quiet --verify commit^2)" = "$PARAM_MERGED_HEAD" ]; then
            touched=false
        fi
    fi
fi
printf '%s\n' "$here" | jq --raw-input --null-input --arg tree "$tree" --argjson current "$current" \
    --argjson touched "$touched" --argjson tested "$tested" '
    {tree: $tree, paths: ([inputs | capture("^(?<key>[^ ]+) (?<value>.*)$")] | from_entries), current: $current,
     touched: $touched, tested: $tested}' >"$CONTENT"
