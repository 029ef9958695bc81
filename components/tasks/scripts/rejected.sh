#!/bin/sh
# Says in $REJECTED whether a pull request is closed unmerged as the forge has it now: since the event it may have been opened
# anew and merged, and the event may be an old one or nobody's. Where the forge does not say so, nothing is deleted.
set -eu

# shellcheck source=SCRIPTDIR/forge.sh
. "${0%/*}/forge.sh"

case $PARAM_PULL_REQUEST in '' | *[!0-9]*) exit 0 ;; esac
if ! authorize || ! pull=$(forge "$API_URL/repos/$PARAM_REPOSITORY/pulls/$PARAM_PULL_REQUEST"); then
    echo "the forge does not say what became of #$PARAM_PULL_REQUEST: nothing is deleted"
    exit 0
fi
# Of nothing jq says that all is well.
if printf '%s' "$pull" | jq --exit-status --slurp \
    'length == 1 and (.[0] | .state == "closed" and .merged == false)' >/dev/null 2>&1; then
    printf yes >"$REJECTED"
    echo "#$PARAM_PULL_REQUEST is closed unmerged"
else
    echo "#$PARAM_PULL_REQUEST is not closed unmerged: nothing is deleted"
fi
