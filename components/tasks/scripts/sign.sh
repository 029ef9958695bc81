#!/bin/sh
# Signs the mark: a statement that this digest, built from this commit's tree, was rolled out here and got ready.
# The tree comes from the forge by this pod's own fetch, never from the pod that ran the pull request's code. Only then the
# commit's tags lead to it: where they lead a mark is, whatever becomes of other runs of the same commit.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

image=$(cat "$RESULT_IMAGE_PATH")
jq --arg repository "$PARAM_REPOSITORY" --arg application "$PARAM_APPLICATION" --arg headSha "$PARAM_HEAD_SHA" \
    --arg digest "${image##*@}" --arg environment "$ENVIRONMENT" --arg pullRequest "$PARAM_PULL_REQUEST" --arg run "$RUN" \
    '{repository: $repository, application: $application, headSha: $headSha, tree: .tree, digest: $digest, environment: $environment,
      pullRequest: $pullRequest, run: $run, at: (now | todate)} + (if .paths then {paths: .paths} else {} end)' "$CONTENT" >"$SCRATCH/mark.json"

set --
[ "$INSECURE" = true ] && set -- --allow-http-registry --allow-insecure-registry
registry=
[ "$INSECURE" = true ] && registry=--insecure
COSIGN_PASSWORD=$(cat "$MARK_KEY/password")
export COSIGN_PASSWORD
# Offline: the key pair is all the trust there is, no transparency log is asked.
plainly cosign attest "$@" --yes --key "$MARK_KEY/cosign.key" --type "$MARK_TYPE" --predicate "$SCRATCH/mark.json" \
    --tlog-upload=false --use-signing-config=false "$image"

# The first one is where the next environment looks, the second one is for people.
for tag in "$PARAM_HEAD_SHA-$ENVIRONMENT" "$PARAM_HEAD_SHA"; do
    # shellcheck disable=SC2086 # no flag, or one
    plainly crane tag $registry "$image" "$tag"
done

if jq --exit-status .current "$CONTENT" >/dev/null; then
    printf yes >"$RESULT_PROMOTABLE_PATH"
else
    printf no >"$RESULT_PROMOTABLE_PATH"
fi
printf 'signed: %s, %s\n' "$image" "$(jq --compact-output '.paths // .tree' "$CONTENT")" | plain
