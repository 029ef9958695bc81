#!/bin/sh
# Tells on the pull request what it waits for. It goes on if the forge does not answer: that is no reason to stop.
set -eu

# shellcheck source=SCRIPTDIR/forge.sh
. "${0%/*}/forge.sh"

{ authorize && set_status "$PARAM_HEAD_SHA" "$ENVIRONMENT$CONTEXT_SUFFIX" pending "$WAITS_FOR"; } ||
    echo "the forge has not been told" >&2
