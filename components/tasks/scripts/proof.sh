#!/bin/sh
# Whether an image may come back: a mark says that $VOUCHED_BY ran this digest of this application, built from the commit that
# it is recorded for, or from the merge of that commit. `python -m operate rollback` asks, and trusts no record of its own.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"
# shellcheck source=SCRIPTDIR/attested.sh
. "${0%/*}/attested.sh"

# Where the marks are made, their public key is that of the key that makes them.
if [ -n "$MARK_KEY" ]; then
    PUBLIC_KEY=$(COSIGN_PASSWORD=$(cat "$MARK_KEY/password") cosign public-key --key "$MARK_KEY/cosign.key")
    export PUBLIC_KEY
fi
mark=$(attested "$PARAM_IMAGE@$PARAM_DIGEST" | jq --compact-output --slurp '
    map(select(.repository == env.PARAM_REPOSITORY and .digest == env.PARAM_DIGEST and .environment == env.VOUCHED_BY
               and (.headSha | . != "" and (. == env.PARAM_COMMIT or . == env.PARAM_MERGE_COMMIT))
               and (.application // env.PARAM_APPLICATION) == env.PARAM_APPLICATION))[0] // empty')
if [ -z "$mark" ]; then
    printf '%s has signed nothing about %s of %s' "$VOUCHED_BY" "$PARAM_DIGEST" "$PARAM_COMMIT" >"$RESULT_REASON_PATH"
    cat "$RESULT_REASON_PATH" >&2
    exit 1
fi
printf '%s' "$mark" >"$RESULT_MARK_PATH"
printf '%s\n' "$mark" | plain
