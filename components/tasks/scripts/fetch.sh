#!/bin/sh
# Fetches one commit into $SOURCE, refuses one that is not whole there, and leaves nothing by which to reach the forge.
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
# It names this pod and the time, and a Dockerfile may copy .git: the same commit makes the same image.
git config core.logAllRefUpdates false
if [ "$PARAM_FETCH_TAGS" = true ]; then
    # Those of the fetched commits: git follows tags to what it keeps a ref of.
    set -- -- "$PARAM_REPOSITORY_URL" "+$PARAM_REF:refs/fetched"
else
    set -- --no-tags -- "$PARAM_REPOSITORY_URL" "$PARAM_REF"
fi
[ "$PARAM_FETCH_DEPTH" = 0 ] || set -- "--depth=$PARAM_FETCH_DEPTH" "$@"
# Large files go through git in pieces; it would hold each of them in memory.
plainly git -c core.bigFileThreshold=8m -c fetch.unpackLimit=1 fetch --quiet "$@"
plainly git -c core.bigFileThreshold=8m -c advice.detachedHead=false checkout --quiet FETCH_HEAD
fetched=$(git rev-parse HEAD)
if [ "$fetched" != "$PARAM_HEAD_SHA" ]; then
    echo "error: $PARAM_REF is $fetched, and not $PARAM_HEAD_SHA" >&2
    exit 1
fi

# Prints what the commit has in the application's paths, or anywhere, one a line: mode, object, path as git quotes it.
entries() { # entries [ATTRIBUTE]: of those files that .gitattributes gives it
    magic=${1:+,attr:$1}
    set --
    while IFS= read -r path; do
        [ -z "$path" ] || set -- "$@" ":(top,literal$magic)$path"
    done <<PATHS
$PARAM_PATHS
PATHS
    [ $# -gt 0 ] || set -- ":(top$magic)"
    git ls-files --format='%(objectmode) %(objectname) %(path)' -- "$@" || echo "unreadable"
}

refuse() { # refuse WHAT PATH
    reason="$1 (commit the files, or set \`paths\` without it): $2"
    printf '%s' "$reason" | plain | tr -d '\n' >"$RESULT_REASON_PATH"
    printf 'error: %s\n' "$reason" | plain >&2
    exit 1
}

export LC_ALL=C
submodule=$(entries | sed -n -e 's/^160000 [^ ]* //p' -e t -e '/^unreadable/p' | head -n 1)
[ -z "$submodule" ] || refuse "submodules are not fetched" "$submodule"
# A pointer, as git-lfs reads it: https://github.com/git-lfs/git-lfs/blob/main/lfs/pointer.go. It knows two former names of the
# version and minds no space around the whole. A text like one without the attribute is none.
pointer=$(entries filter=lfs |
    sed -n -e 's/^100[0-9]* //p' -e '/^unreadable/p' |
    git cat-file --batch-check='%(objectsize) %(objectname) %(rest)' |
    awk '$1 < 1024 { sub(/^[0-9]* /, ""); print } /^unreadable/' |
    git cat-file --batch='file %(rest)' |
    awk '{ line = $0; gsub(/[ \t\r\v\f]+$/, "", line) } file && line == "" { next }
        file && line ~ /^[ \t\r\v\f]*version (https:\/\/(git-lfs|hawser)\.github\.com\/spec\/v1|http:\/\/git-media\.io\/v\/2)$/ {
            print file; exit
        }
        { file = "" } /^file / { file = substr($0, 6) } /^unreadable/')
[ -z "$pointer" ] || refuse "Git LFS is not fetched" "$pointer"

# What the image is dated by. Beside the checkout: no later step can write there.
committed=$(git log -1 --format=%ct)
case $committed in '' | *[!0-9]* | ???????????*) committed=0 ;; esac
echo "$committed" >"${SOURCE%/*}/committed"
# The subject is anybody's text, which some shells' echo would interpret, and a terminal too.
printf 'fetched %s: %s\n' "$PARAM_HEAD_SHA" "$(git log -1 --format=%s | plain)"
[ "$PARAM_FETCH_TAGS" != true ] || git update-ref -d refs/fetched
# The index without what it knows of the files here: times and inodes. Git looks at them anew where it needs that.
git read-tree HEAD
rm -rf .git/FETCH_HEAD .git/logs
