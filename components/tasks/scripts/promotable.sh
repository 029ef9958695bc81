#!/bin/sh
# How open pull requests are told that the base branch has moved; it is put into the scripts of the steps that do.
set -eu

promotable=promotable$CONTEXT_SUFFIX
moved="$PARAM_BASE_BRANCH has moved: update the branch"

# The heads of the open pull requests to the same branch. Gitea has at most 50 on a page, whatever it is asked for, so only
# an empty page is the last one; each forge ignores the other one's word for the page's size.
open_heads() {
    page=1
    while [ "$page" -le 200 ]; do
        open=$(forge "$API_URL/repos/$PARAM_REPOSITORY/pulls?state=open&per_page=100&limit=100&page=$page") || return
        count=$(printf '%s' "$open" | jq length) || return
        [ "$count" -gt 0 ] || return 0
        printf '%s' "$open" | jq --raw-output --arg base "$PARAM_BASE_BRANCH" '.[] | select(.base.ref == $base).head.sha' || return
        page=$((page + 1))
    done
}

# GitHub takes 1000 statuses of each commit and context, and a pull request may stay open for as many merges.
says_so() { # says_so SHA
    known=$(forge "$API_URL/repos/$PARAM_REPOSITORY/commits/$1/status?per_page=100&limit=100") &&
        printf '%s' "$known" | jq --exit-status --slurp --arg context "tekton-delivery/$promotable" '
            [.[].statuses[]? | select(.context == $context) | .state // .status] == ["failure"]' >/dev/null
}

# What the forge refuses of one head keeps no other one green. Fails at the end if anything could not be told.
tell_open_heads() {
    untold=0
    heads=$(open_heads) || {
        echo "error: the open pull requests cannot be listed, or not all of them" >&2
        untold=1
    }
    for sha in $heads; do
        says_so "$sha" || set_status "$sha" "$promotable" failure "$moved" || {
            echo "error: the forge takes no status of $sha; $promotable may still be green there" >&2
            untold=1
        }
    done
    return "$untold"
}
