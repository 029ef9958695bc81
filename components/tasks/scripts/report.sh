#!/bin/sh
# Tells the forge how a run ended: the commit status of this environment, with the reason in one line; whether the commit
# can be promoted as it is; and, after a merge, that other pull requests to the same branch no longer can.
set -eu

# shellcheck source=SCRIPTDIR/forge.sh
. "${0%/*}/forge.sh"
# shellcheck source=SCRIPTDIR/promotable.sh
. "${0%/*}/promotable.sh"
authorize

# Any step can add results to its TaskRun, declared or not: a pod that ran the pull request's code is not heard.
result() { # result NAME: of any other TaskRun of this run
    printf '%s' "$runs" | jq --raw-output --arg name "$1" '
        [.items[] | select(.spec.serviceAccountName != env.UNTRUSTED_ACCOUNT) | .status.results[]?
         | select(.name == $name).value][0] // "" | gsub("[[:cntrl:]]"; " ") | .[0:139]'
}

# Why a run failed, in one line. Services are sidecars in Tekton's words; those that still run after the steps it ends itself.
failure() { # failure RUN
    printf '%s' "$runs" | jq --raw-output --arg run "$1" '
        [.items[] | select(.status.conditions[0].status == "False")][0]
        | .status.conditions[0] as $condition
        | [.status.steps[]? | select((.terminated.exitCode // 0) != 0)][0] as $step
        | [$condition.message // ""
           | capture("^the sidecar \"(?<name>[^\"]+)\" in TaskRun \"[^\"]+\" failed to (?<what>pull the image|start)")][0] as $absent
        | [.status.sidecars[]? | select((.terminated.exitCode // 0) != 0 and .terminated.reason != "Completed")
           | select($step == null or .terminated.finishedAt < $step.terminated.finishedAt)
           | "the service \(.name) had ended (exit code \(.terminated.exitCode))"][0] as $ended
        | (if $ended then "; \($ended)" else "" end) as $besides
        | if $absent then "the service \($absent.name) failed to \($absent.what)"
          elif $step and $condition.reason == "TaskRunTimeout" then "step \($step.name) did not end within \(.spec.timeout)"
          elif $step.name // "" | startswith("await-")
          then "the service \($step.name | ltrimstr("await-")) did not get ready\($besides)"
          elif $step then "step \($step.name) failed (exit code \($step.terminated.exitCode))\($besides)"
          else $ended // $condition.message // "failed" end
        | "\($run): \(.)" | gsub("[[:cntrl:]]"; " ") | .[0:139]'
}

# A status without a reason is better than none.
runs=$(plainly kubectl --namespace "$NAMESPACE" get taskruns.tekton.dev --output json \
    --selector "tekton.dev/pipelineRun=$PARAM_RUN") || runs='{"items": []}'
description=$(result reason)
case $PARAM_STATUS in
Succeeded | Completed)
    state=success
    ;;
*)
    state=failure
    # People hold it back; their `lift` starts it anew.
    case $description in "queued: "*) state=pending ;; esac
    [ -n "$description" ] || description=$(failure "$PARAM_RUN")
    ;;
esac

# A run whose end cannot be told fails by that, once all else is told.
code=0
say() { # say CONTEXT STATE DESCRIPTION: about the run's own commit
    set_status "$PARAM_HEAD_SHA" "$@" || {
        echo "error: the forge takes no status of $PARAM_HEAD_SHA" >&2
        code=1
    }
}
say "$ENVIRONMENT$CONTEXT_SUFFIX" "$state" "${description:-$PARAM_RUN}"
# Whether the commit was told that the branch has moved after this run had looked at the branch: what just made it green has
# hidden that. What moves it later turns it red by itself.
overtaken() {
    looked=$(printf '%s' "$runs" | jq --raw-output '
        [.items[] | select(.spec.serviceAccountName != env.UNTRUSTED_ACCOUNT)
         | select(any(.status.results[]?; .name == "promotable"))
         | .status.steps[]? | select(.name == "commits").terminated.startedAt][0] // ""')
    [ -n "$looked" ] || return 1
    set=$(forge "$API_URL/repos/$PARAM_REPOSITORY/commits/$PARAM_HEAD_SHA/statuses?per_page=100&limit=50&sort=recentupdate") ||
        return 1
    # Of 2026-11-22T12:00:00Z, or with another zone than that.
    printf '%s' "$set" | jq --exit-status --slurp --arg looked "$looked" --arg context "tekton-delivery/$promotable" '
        def at: capture("^(?<at>.{19})([.][0-9]+)?(?<zone>Z|(?<sign>[+-])(?<hours>[0-9]{2}):(?<minutes>[0-9]{2}))$")
            | (.at + "Z" | fromdateiso8601)
              - (if .sign then (.sign + "1" | tonumber) * 60 * ((.hours | tonumber) * 60 + (.minutes | tonumber)) else 0 end);
        any(.[][]?; .context == $context and (.state // .status) == "failure" and (.created_at | at) >= ($looked | at))
        ' >/dev/null
}
case $(result promotable) in
yes)
    say "$promotable" success "staging ran it, and $PARAM_BASE_BRANCH has not moved since"
    if overtaken; then
        say "$promotable" failure "$moved"
    fi
    ;;
no) say "$promotable" failure "$moved" ;;
untouched) say "$promotable" success "$description" ;;
esac

# What others are not told does not make a good promotion a bad one.
if [ "$AFTER_MERGE" = true ] && [ "$(result touched)" != no ]; then
    tell_open_heads || true
fi
exit "$code"
