#!/bin/sh
# Rolls an image out by digest and waits until it serves. If it does not, the former image is restored and both are told.
# One deploy at a time holds the Lease; the change itself is refused if anything else changed the Deployment since it was
# read (resourceVersion). Where $HISTORY is given, a commit never replaces one that it is an ancestor of.
set -eu

image=$(cat "$RESULT_IMAGE_PATH")
target="deployment/$PARAM_DEPLOYMENT"
kube() {
    kubectl --namespace "$NAMESPACE" "$@"
}
say() {
    printf '%s' "$1" >"$RESULT_REASON_PATH"
    printf '%s\n' "$1"
}

# A holder that died blocks nobody longer than this: twice the rollout's timeout, since a failed one is rolled back.
lease_seconds=$((2 * ROLLOUT_SECONDS + 30))
acquire() {
    while :; do
        lease=$(kube get lease "$PARAM_DEPLOYMENT" --output json)
        mine=$(printf '%s' "$lease" | jq --arg run "$RUN" --argjson seconds "$lease_seconds" '
            def at: sub("\\.[0-9]+"; "") | fromdateiso8601;
            (.spec // {}) as $held
            | select(($held.holderIdentity // "") == "" or ($held.renewTime | at) + $held.leaseDurationSeconds < now)
            | (now | strftime("%Y-%m-%dT%H:%M:%S.000000Z")) as $now
            | .spec = {holderIdentity: $run, acquireTime: $now, renewTime: $now, leaseDurationSeconds: $seconds}')
        if [ -n "$mine" ]; then
            answer=$(printf '%s' "$mine" | kube replace --field-manager "$FIELD_MANAGER" --filename - 2>&1) && return
            case $answer in
            *"the object has been modified"*) continue ;;
            esac
            printf '%s\n' "$answer" >&2
            exit 1
        fi
        echo "waiting for another deploy of $PARAM_DEPLOYMENT to end"
        sleep 1
    done
}
# shellcheck disable=SC2329 # the trap calls it
release() {
    kube get lease "$PARAM_DEPLOYMENT" --output json |
        jq --exit-status --arg run "$RUN" 'select(.spec.holderIdentity == $run) | .spec = {}' |
        kube replace --field-manager "$FIELD_MANAGER" --filename - >/dev/null 2>&1 || true
}

image_in() {
    printf '%s' "$1" | jq --raw-output --arg container "$PARAM_CONTAINER" \
        '.spec.template.spec.containers[] | select(.name == $container).image'
}

# Decides by ancestry, not by clock, whether what runs now is newer.
is_older() {
    running=$(printf '%s' "$live" | jq --raw-output '.metadata.annotations["tekton-delivery/merge-commit"] // ""')
    [ -n "$running" ] && [ "$running" != "$PARAM_MERGE_SHA" ] || return 1
    git -C "$HISTORY" merge-base --is-ancestor "$PARAM_MERGE_SHA" "$running" && return 0
    git -C "$HISTORY" merge-base --is-ancestor "$running" "$PARAM_MERGE_SHA" && return 1
    say "what runs was merged as $running, which is no ancestor of $PARAM_MERGE_SHA: was the branch rewritten?"
    exit 1
}

acquire
trap release EXIT
while :; do
    live=$(kube get "$target" --output json)
    former=$(image_in "$live")
    if [ -n "$PARAM_MERGE_SHA" ] && is_older; then
        say "superseded: what runs was merged later"
        exit 0
    fi
    printf '%s' "$live" | jq --arg container "$PARAM_CONTAINER" --arg image "$image" --arg commit "$PARAM_HEAD_SHA" \
        --arg pull "$PARAM_PULL_REQUEST" --arg merge "$PARAM_MERGE_SHA" --arg by "$PARAM_MERGED_BY" --arg run "$RUN" '
        (.metadata.annotations // {}) as $notes
        | ($notes["tekton-delivery/before"] // "[]" | fromjson) as $before
        | (.spec.template.spec.containers[] | select(.name == $container).image) as $former
        | {
            resourceVersion: .metadata.resourceVersion,
            annotations: {
              "tekton-delivery/commit": $commit,
              "tekton-delivery/pull-request": $pull,
              "tekton-delivery/digest": ($image | split("@")[1]),
              "tekton-delivery/merge-commit": (if $merge == "" then null else $merge end),
              "tekton-delivery/merged-by": (if $by == "" then null else $by end),
              "tekton-delivery/run": $run,
              "tekton-delivery/delivered-at": (now | todate),
              "tekton-delivery/before": (
                if $notes["tekton-delivery/pull-request"] == $pull then $before
                else ($before + [{image: $former, commit: $notes["tekton-delivery/commit"],
                                  pullRequest: $notes["tekton-delivery/pull-request"]}])[-5:] end | tojson)
            }
          } as $metadata
        | {metadata: $metadata, spec: {template: {spec: {containers: [{name: $container, image: $image}]}}}}' \
        >"$SCRATCH/patch.json"
    answer=$(kube patch "$target" --type strategic --field-manager "$FIELD_MANAGER" --patch-file "$SCRATCH/patch.json" 2>&1) && break
    case $answer in
    *"the object has been modified"*) continue ;;
    esac
    printf '%s\n' "$answer" >&2
    exit 1
done

if kube rollout status "$target" --timeout "$PARAM_TIMEOUT"; then
    say "serves on $NAMESPACE: ${image##*@}"
    exit 0
fi
reason="${image##*@} was not ready within $PARAM_TIMEOUT"
now=$(kube get "$target" --output json)
if [ "$(image_in "$now")" != "$image" ]; then
    say "$reason; something else has been rolled out meanwhile"
    exit 1
fi
# What was there before comes back, image and annotations.
printf '%s' "$live" | jq --arg container "$PARAM_CONTAINER" --arg image "$former" --slurpfile patch "$SCRATCH/patch.json" '
    (.metadata.annotations // {}) as $notes
    | {metadata: {annotations: ($patch[0].metadata.annotations | with_entries(.value = $notes[.key]))},
       spec: {template: {spec: {containers: [{name: $container, image: $image}]}}}}' >"$SCRATCH/restore.json"
go_back() {
    kube patch "$target" --type strategic --field-manager "$FIELD_MANAGER" --patch-file "$SCRATCH/restore.json" >/dev/null
}
if [ "$former" = "$image" ]; then
    go_back # to what was noted; there is no other image to wait for
    say "$reason"
elif go_back && kube rollout status "$target" --timeout "$PARAM_TIMEOUT"; then
    say "$reason; restored ${former##*@}"
else
    say "$reason, and restoring ${former##*@} failed as well"
fi
exit 1
