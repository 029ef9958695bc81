#!/bin/sh
# Tells open pull requests that the base branch has moved, whoever moved it.
set -eu

# shellcheck source=SCRIPTDIR/forge.sh
. "${0%/*}/forge.sh"
# shellcheck source=SCRIPTDIR/promotable.sh
. "${0%/*}/promotable.sh"

[ "$(cat "$TOUCHES")" != no ] || exit 0
authorize
tell_open_heads
