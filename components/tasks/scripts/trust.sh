#!/bin/sh
# Makes this step's clients believe the stack's own certificate authorities beside the system's. It is put before the scripts
# of the steps that speak TLS with the forge or a registry, where the stack has some.
set -eu

# The first file may end without a newline.
{
    cat "$SYSTEM_CERTIFICATES"
    echo
    cat "$CA_BUNDLE"
} >"$TRUSTED"
# For programs in Go (BuildKit, cosign, crane, oras), for curl and for git.
export SSL_CERT_FILE="$TRUSTED" CURL_CA_BUNDLE="$TRUSTED" GIT_SSL_CAINFO="$TRUSTED"
