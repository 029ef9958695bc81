#!/bin/sh
# Rolls an image out by digest and waits until it serves. If it does not, the former image is restored and both are told.
set -eu

image=$(cat "$RESULT_IMAGE_PATH")
target="deployment/$PARAM_DEPLOYMENT"

set_image() {
    kubectl --namespace "$PARAM_NAMESPACE" set image "$target" "$PARAM_CONTAINER=$1" --field-manager "$FIELD_MANAGER"
}
wait_ready() {
    kubectl --namespace "$PARAM_NAMESPACE" rollout status "$target" --timeout "$PARAM_TIMEOUT"
}

former=$(kubectl --namespace "$PARAM_NAMESPACE" get "$target" \
    --output "jsonpath={.spec.template.spec.containers[?(@.name=='$PARAM_CONTAINER')].image}")
set_image "$image"
if ! wait_ready; then
    echo "error: $image was not ready within $PARAM_TIMEOUT in $PARAM_NAMESPACE" >&2
    if [ "$former" != "$image" ]; then
        if set_image "$former" && wait_ready; then
            echo "restored $former" >&2
        else
            echo "error: restoring $former failed as well" >&2
        fi
    fi
    exit 1
fi
# What serves now, for people and for `make status`; written only once it is true.
kubectl --namespace "$PARAM_NAMESPACE" annotate "$target" --overwrite --field-manager "$FIELD_MANAGER" \
    "tekton-delivery/commit=$PARAM_HEAD_SHA" \
    "tekton-delivery/pull-request=$PARAM_PULL_REQUEST" \
    "tekton-delivery/digest=${image##*@}" \
    "tekton-delivery/delivered-at=$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
    "tekton-delivery/run=$RUN"
echo "$image serves in $PARAM_NAMESPACE"
