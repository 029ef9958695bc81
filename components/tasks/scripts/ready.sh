#!/bin/sh
# How a rollout is waited for; it is put into the scripts of the steps that make one, after rollout.sh.
set -eu

# Of a rollout that failed the Deployment goes on saying so until its controller has looked at the next one: that the progress
# deadline is over counts only once it is over for this one as well.
await_rollout() { # await_rollout TARGET
    end=$(($(date +%s) + ROLLOUT_SECONDS)) left=$ROLLOUT_SECONDS
    while ! kube rollout status "$1" --timeout "${left}s" 2>"$SCRATCH/rollout"; do
        plain <"$SCRATCH/rollout" >&2
        left=$((end - $(date +%s)))
        if [ "$left" -le 0 ] || ! grep -q 'exceeded its progress deadline' "$SCRATCH/rollout"; then
            echo "error: $1 did not get ready within $PARAM_TIMEOUT" >&2
            return 1
        fi
        sleep 1
    done
}
