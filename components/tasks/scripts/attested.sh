#!/bin/sh
# Which marks about an image are validly signed; it is put into the scripts of the steps that ask.
set -eu

# Prints what is signed about an image by $PUBLIC_KEY or one of $FORMER_KEYS, PEM after PEM: one statement a line.
attested() { # attested IMAGE_BY_DIGEST
    keys=env://PUBLIC_KEY
    if [ -n "$FORMER_KEYS" ]; then
        printf '%s\n' "$FORMER_KEYS" |
            awk -v "folder=$SCRATCH" '/^-----BEGIN/ { at++ } at { print >(folder "/former-" at ".pub") }'
        keys="$keys $(echo "$SCRATCH"/former-*.pub)"
    fi
    set -- "$1" --type "$MARK_TYPE" --insecure-ignore-tlog=true
    [ "$INSECURE" = true ] && set -- "$@" --allow-http-registry --allow-insecure-registry
    for key in $keys; do
        cosign verify-attestation "$@" --key "$key" 2>"$SCRATCH/attested" |
            jq --compact-output '.payload | @base64d | fromjson | .predicate'
        plain <"$SCRATCH/attested" >&2
    done
}
