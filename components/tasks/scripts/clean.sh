#!/bin/sh
# Deletes what a rejected pull request left in the registry: its images, and what is signed about them. What the environment
# needs stays, and what another pull request has as well, by its tags or by a mark. Whatever fails, the way back is done: it
# is told, and left as it is.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

leave() {
    printf 'left as it is: %s\n' "$1" | plain
    exit 0
}
case $PARAM_PULL_REQUEST in '' | *[!0-9]*) leave "'$PARAM_PULL_REQUEST' is no pull request's number" ;; esac
[ "$(cat "$REJECTED" 2>/dev/null)" = yes ] || leave "the forge does not say that #$PARAM_PULL_REQUEST is rejected"
# Of nothing jq says that all is well.
{ [ -s "$KEPT" ] && jq --exit-status 'type == "array"' "$KEPT" >/dev/null 2>&1; } ||
    leave "it is not known what the environment needs"
registry='' oras='' quarantine=''
[ "$INSECURE" = true ] && registry=--insecure oras=--plain-http
[ "$QUARANTINE_INSECURE" = true ] && quarantine=--insecure
client() {
    # shellcheck disable=SC2086 # no flag, or one
    crane "$@" $registry 2>"$SCRATCH/log"
}

# A copy's tag is <commit>-<pull request>-<how its digest begins>.
client ls "$PARAM_IMAGE" >"$SCRATCH/tags" || leave "$(tail -n 1 "$SCRATCH/log" | plain)"
grep -E -x "[0-9a-f]{40}-$PARAM_PULL_REQUEST-[0-9a-f]{12}" "$SCRATCH/tags" >"$SCRATCH/own" || leave "nothing is there"
grep -E -x '[0-9a-f]{40}-[0-9]+-[0-9a-f]{12}' "$SCRATCH/tags" | grep -F -x -v -f "$SCRATCH/own" >"$SCRATCH/others" || true

# Whether every statement about an image is about this pull request. Writes down what refers to the image.
is_its_own() { # is_its_own DIGEST
    : >"$SCRATCH/referrers"
    # shellcheck disable=SC2086 # no flag, or one
    oras discover $oras --registry-config "$DOCKER_CONFIG/config.json" --format json "$PARAM_IMAGE@$1" \
        >"$SCRATCH/found.json" 2>"$SCRATCH/log" || return 1
    jq --raw-output '(.referrers // [])[].digest' "$SCRATCH/found.json" >"$SCRATCH/referrers" || return 1
    while IFS= read -r referrer; do
        client manifest "$PARAM_IMAGE@$referrer" >"$SCRATCH/manifest.json" || return 1
        layer=$(jq --raw-output '.layers[0].digest' "$SCRATCH/manifest.json") || return 1
        client blob "$PARAM_IMAGE@$layer" >"$SCRATCH/statement.json" || return 1
        jq --exit-status --slurp --arg pull "$PARAM_PULL_REQUEST" \
            'length == 1 and (.[0] | (.dsseEnvelope // .).payload | @base64d | fromjson | .predicate.pullRequest == $pull)' \
            "$SCRATCH/statement.json" >/dev/null 2>"$SCRATCH/log" || {
            [ -s "$SCRATCH/log" ] || echo "something is signed about it that names another pull request, or none" >"$SCRATCH/log"
            return 1
        }
    done <"$SCRATCH/referrers"
}

sort -t - -k 3 -u "$SCRATCH/own" >"$SCRATCH/images"
while IFS= read -r tag; do
    digest=$(client digest "$PARAM_IMAGE:$tag") || {
        printf 'stays: %s: %s\n' "$tag" "$(tail -n 1 "$SCRATCH/log" | plain)"
        continue
    }
    if jq --exit-status --arg digest "$digest" 'index($digest) != null' "$KEPT" >/dev/null; then
        echo "stays: $digest, which the environment needs"
        continue
    fi
    # The same image under another number, or another image of the same commit: that commit's tags may lead to either.
    commits=$(grep -e "-${tag##*-}\$" "$SCRATCH/own" | cut -c 1-40)
    if grep -q -e "-${tag##*-}\$" "$SCRATCH/others" || { printf '%s\n' "$commits" | grep -q -F -f - "$SCRATCH/others"; }; then
        echo "stays: $digest, which another pull request has as well"
        continue
    fi
    is_its_own "$digest" || {
        echo "stays: $digest: $(tail -n 1 "$SCRATCH/log" | plain)"
        continue
    }
    client delete "$PARAM_IMAGE@$digest" || leave "$digest: $(tail -n 1 "$SCRATCH/log" | plain)"
    # Where the registry keeps no list of what refers to an image, a tag does.
    listed=$(client digest "$PARAM_IMAGE:sha256-${digest#sha256:}") || listed=
    for referrer in $(cat "$SCRATCH/referrers") $listed; do
        client delete "$PARAM_IMAGE@$referrer" || printf 'stays: %s: %s\n' "$referrer" "$(tail -n 1 "$SCRATCH/log" | plain)"
    done
    # shellcheck disable=SC2086 # no flag, or one
    [ -z "$PARAM_QUARANTINE_IMAGE" ] || crane delete "$PARAM_QUARANTINE_IMAGE@$digest" $quarantine 2>"$SCRATCH/log" ||
        printf 'stays in quarantine: %s: %s\n' "$digest" "$(tail -n 1 "$SCRATCH/log" | plain)"
    echo "deleted: $digest"
done <"$SCRATCH/images"
