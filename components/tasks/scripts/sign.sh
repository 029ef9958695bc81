#!/bin/sh
# Signs the mark: a statement that this digest, built from this commit's tree, was rolled out here and got ready.
# The tree comes from the forge by this pod's own fetch, never from the pod that ran the pull request's code.
set -eu

image=$(cat "$RESULT_IMAGE_PATH")
tree=$(git -C "$HISTORY" log -1 --format=%T commit)
jq --null-input --arg repository "$PARAM_REPOSITORY" --arg headSha "$PARAM_HEAD_SHA" --arg tree "$tree" \
    --arg digest "${image##*@}" --arg environment "$ENVIRONMENT" --arg pullRequest "$PARAM_PULL_REQUEST" --arg run "$RUN" \
    '{repository: $repository, headSha: $headSha, tree: $tree, digest: $digest, environment: $environment,
      pullRequest: $pullRequest, run: $run}' >"$SCRATCH/mark.json"

set --
[ "$INSECURE" = true ] && set -- --allow-http-registry --allow-insecure-registry
COSIGN_PASSWORD=$(cat "$MARK_KEY/password")
export COSIGN_PASSWORD
# Offline: the key pair is all the trust there is, no transparency log is asked.
cosign attest "$@" --yes --key "$MARK_KEY/cosign.key" --type "$MARK_TYPE" --predicate "$SCRATCH/mark.json" \
    --tlog-upload=false --use-signing-config=false "$image"

if git -C "$HISTORY" merge-base --is-ancestor base commit; then
    printf yes >"$RESULT_PROMOTABLE_PATH"
else
    printf no >"$RESULT_PROMOTABLE_PATH"
fi
printf 'signed: %s, tree %s\n' "$image" "$tree"
