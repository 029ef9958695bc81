#!/bin/sh
# What the steps that change a Deployment share; it is put into their scripts. One change at a time holds the Lease, and a
# change is refused if anything else changed the Deployment since it was read (resourceVersion).
#
# A rollout is two changes. The first one brings the image and notes beside it what served before (`rolling-out`); all else
# that is noted is about what served before until the image is ready, and the second change says so. A step that ends in
# between, cancelled or not, takes the first one back; one that was killed leaves a note by which the next one knows better.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

target="deployment/$PARAM_DEPLOYMENT"
kube() {
    kubectl --namespace "$NAMESPACE" "$@"
}
say() {
    said=$(printf '%s' "$1" | tr '\n' ' ' | plain)
    printf '%s' "$said" >"$RESULT_REASON_PATH"
    printf '%s\n' "$said"
}

# Of a Deployment: what it is to run, what is being rolled out, what served last, and what is noted.
# shellcheck disable=SC2016 # jq's variables
facts='
    def note($name): .metadata.annotations["tekton-delivery/" + $name];
    def parsed($name): note($name) as $text | try ($text | fromjson) catch null;
    def list($name): parsed($name) | if type == "array" then map(select(type == "object")) else [] end;
    # What has another form the admission policy lets nobody write.
    def formed($form): if type == "string" and test("\\A(" + $form + ")\\z") then . else null end;
    def sha: formed("[0-9a-f]{40}");
    def number: formed("[1-9][0-9]{0,9}");
    def remembered: map({image: (.image | formed("[!#-\\[\\]-~]{1,600}")), commit: (.commit | sha),
                         pullRequest: (.pullRequest | number)} | select(.image))[-5:];
    def image: .spec.template.spec.containers[] | select(.name == env.PARAM_CONTAINER).image;
    def rolling: image as $image | parsed("rolling-out") | if type == "object" and .image == $image then . else null end;
    def served: rolling.former // image;
    # As text, without writing the older entries anew: the admission policy sees to it that these stay as they are.
    # The oldest go where there are too many, or more bytes than it lets through; so do large parts of the new one.
    def appended($entry):
        "},{\"image\":\"" as $between
        | ($entry | with_entries(select(.value != null))
           | reduce ("mark", "approvedBy") as $large (.; if (tojson | utf8bytelength) > 8192 then del(.[$large]) else . end)
           | tojson) as $new
        | {entries: (note("history") // "" | if startswith("[") and endswith("]") then .[1:-1] else "" end | split($between))}
        | until(.text = (.before // "") + (.entries | join($between))
                | (.entries | length) < 20 and (.text + $new | utf8bytelength) + 3 <= 65536;
                {before: (if .entries[1:] == [] then "" else $between[2:] end), entries: .entries[1:]})
        | (.before // "") + (.entries | join($between))
        | "[" + . + (if . == "" then "" else "," end) + $new + "]";
'
of() { # of DEPLOYMENT_AS_JSON FACT
    printf '%s' "$1" | jq --raw-output "$facts $2"
}

# A holder that was killed blocks nobody longer than this: twice the rollout's timeout, since a failed one is rolled back.
lease_seconds=$((2 * ROLLOUT_SECONDS + 30))
# Not longer than the stack says on the Lease, whatever its holder says; and nobody renews it, or comes from the future.
acquire() {
    trap leave EXIT
    trap 'exit 143' HUP INT TERM
    asked=$(date +%s)
    while :; do
        lease=$(kube get lease "$PARAM_DEPLOYMENT" --output json)
        mine=$(printf '%s' "$lease" | jq --arg run "$RUN" --argjson seconds "$lease_seconds" '
            def at: sub("\\.[0-9]+"; "") | fromdateiso8601;
            (.spec // {}) as $held
            | (.metadata.annotations["tekton-delivery/lease-seconds"] // $seconds | tonumber) as $longest
            | (try ($held.renewTime | at) catch 0) as $renewed
            # A pod that was deleted has left it to the next one of the same TaskRun.
            | select(($held.holderIdentity // "") == "" or $held.holderIdentity == $run or $renewed > now + 60
                     or $renewed + ([$held.leaseDurationSeconds // 0, $longest] | min) < now)
            | (now | strftime("%Y-%m-%dT%H:%M:%S.000000Z")) as $now
            | .spec = {holderIdentity: $run, acquireTime: $now, renewTime: $now, leaseDurationSeconds: $seconds}')
        if [ -n "$mine" ]; then
            answer=$(printf '%s' "$mine" | kube replace --field-manager "$FIELD_MANAGER" --filename - 2>&1) && break
            case $answer in
            *"the object has been modified"*) continue ;;
            esac
            printf '%s\n' "$answer" | plain >&2
            exit 1
        fi
        if [ $(($(date +%s) - asked)) -ge $((3 * lease_seconds)) ]; then
            say "not rolled out: the Lease $PARAM_DEPLOYMENT was not free within $((3 * lease_seconds)) s, it is held by $(
                printf '%s' "$lease" | jq --raw-output '.spec.holderIdentity | .[0:40]'
            )"
            exit 1
        fi
        echo "waiting for another deploy of $PARAM_DEPLOYMENT to end"
        sleep 1
    done
}
# A cancelled run's pod gets a TERM and half a minute. Tekton hands it to the command that the shell waits for as well, so
# that the shell comes here at once.
# shellcheck disable=SC2329 # the trap calls it
leave() {
    code=$?
    trap '' HUP INT TERM
    set +e
    take_back
    release
    exit "$code"
}
# shellcheck disable=SC2329 # the trap calls it
take_back() {
    [ -n "$unsettled" ] || return 0
    now=$(kube get "$target" --output json) && is_ours "$now" && go_back || return
    [ "$code" != 143 ] || say "cancelled before ${unsettled##*@} was ready; restored ${former##*@}"
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
    printf '%s\n' "$answer" | plain >&2
    exit 1
}

# Writes the first change of a rollout to patch.json.
unsettled=
propose() { # propose DEPLOYMENT_AS_JSON IMAGE
    former=$(of "$1" served)
    printf '%s' "$1" | jq --arg image "$2" --arg former "$former" '
        {image: $image, former: $former, run: env.RUN} as $note
        | {metadata: {resourceVersion: .metadata.resourceVersion,
                      annotations: {"tekton-delivery/rolling-out": ($note | tojson)}},
           spec: {template: {spec: {containers: [{name: env.PARAM_CONTAINER, image: $image}]}}}}' >"$SCRATCH/patch.json"
    unsettled=$2
}
is_ours() { # is_ours DEPLOYMENT_AS_JSON
    [ "$(of "$1" 'rolling | [.image, .run] | join(" ")')" = "$unsettled $RUN" ]
}
# The second change: `noted` of the script makes the notes, as a patch, of the Deployment that it reads.
settle() {
    while :; do
        live=$(kube get "$target" --output json)
        is_ours "$live" || {
            say "${unsettled##*@} got ready; something else has been rolled out meanwhile"
            exit 1
        }
        printf '%s' "$live" | noted | jq --arg version "$(of "$live" .metadata.resourceVersion)" '
            {metadata: {resourceVersion: $version, annotations: (. + {"tekton-delivery/rolling-out": null})}}' \
            >"$SCRATCH/patch.json"
        change "$SCRATCH/patch.json" && break
    done
    unsettled=
}
go_back() {
    jq --null-input --arg former "$former" '
        {metadata: {annotations: {"tekton-delivery/rolling-out": null}},
         spec: {template: {spec: {containers: [{name: env.PARAM_CONTAINER, image: $former}]}}}}' >"$SCRATCH/restore.json"
    plainly kube patch "$target" --type strategic --field-manager "$FIELD_MANAGER" --patch-file "$SCRATCH/restore.json" >/dev/null
}
