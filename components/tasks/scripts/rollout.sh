#!/bin/sh
# What the steps that change a Deployment share; it is put into their scripts. One change at a time holds the Lease, and a
# change is refused if anything else changed the Deployment since it was read (resourceVersion).
set -eu

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
            answer=$(printf '%s' "$mine" | kube replace --field-manager "$FIELD_MANAGER" --filename - 2>&1) && break
            case $answer in
            *"the object has been modified"*) continue ;;
            esac
            printf '%s\n' "$answer" >&2
            exit 1
        fi
        echo "waiting for another deploy of $PARAM_DEPLOYMENT to end"
        sleep 1
    done
    trap release EXIT
}
# shellcheck disable=SC2329 # the trap calls it
release() {
    kube get lease "$PARAM_DEPLOYMENT" --output json |
        jq --exit-status --arg run "$RUN" 'select(.spec.holderIdentity == $run) | .spec = {}' |
        kube replace --field-manager "$FIELD_MANAGER" --filename - >/dev/null 2>&1 || true
}

# Ends the step if people want the Deployment left alone: it is held, and not for this pull request, or its environment is
# frozen. `python -m operate lift` and `unfreeze` start what was queued anew.
respect_people() { # respect_people DEPLOYMENT_AS_JSON PULL_REQUEST
    freeze=$(kube get configmap freeze --output json)
    queued=$(printf '%s' "$1" | jq --raw-output --arg pull "$2" --argjson freeze "$freeze" '
        def people: " by \(.by): \(.reason)";
        (.metadata.annotations["tekton-delivery/hold"] // "null" | fromjson) as $hold
        | ($freeze.data.frozen // "null" | fromjson) as $frozen
        | if $freeze.metadata.annotations["tekton-delivery/frozen"] then
            "is frozen by its settings: \($freeze.metadata.annotations["tekton-delivery/frozen"])"
          elif $frozen then "is frozen\($frozen | people)"
          elif $hold == null or ($pull != "" and $hold.pullRequest == $pull) then empty
          elif $hold.pullRequest then "is held for #\($hold.pullRequest)\($hold | people)"
          else "is held\($hold | people)" end')
    [ -z "$queued" ] || {
        say "queued: $NAMESPACE $queued"
        exit 1
    }
}

# Makes a change that names the version it was made for. Fails if the Deployment is another one by now.
change() { # change FILE
    answer=$(kube patch "$target" --type strategic --field-manager "$FIELD_MANAGER" --patch-file "$1" 2>&1) && return
    case $answer in
    *"the object has been modified"*) return 1 ;;
    esac
    printf '%s\n' "$answer" >&2
    exit 1
}
