#!/bin/sh
# Builds the image and pushes it to the quarantine registry. Runs as uid 0 of the pod's user namespace.
set -eu

tls_verify=true
[ "$INSECURE" = true ] && tls_verify=false

# A link could lead out of the checkout, to this step's credential for example.
inside() {
    # busybox's realpath knows no options, and neither it nor GNU's alone minds a missing file.
    if ! [ -e "$SOURCE/$1" ] || ! resolved=$(realpath "$SOURCE/$1"); then
        echo "error: the repository has no '$1' (setting '$2' of the application)" >&2
        exit 1
    fi
    case $resolved in
    "$SOURCE" | "$SOURCE"/*) printf '%s' "$resolved" ;;
    *)
        echo "error: '$1' leads out of the repository (setting '$2' of the application)" >&2
        exit 1
        ;;
    esac
}
dockerfile=$(inside "$PARAM_DOCKERFILE" dockerfile)
context=$(inside "$PARAM_CONTEXT" context)

set -- --build-arg "REVISION=$PARAM_HEAD_SHA" --label "org.opencontainers.image.revision=$PARAM_HEAD_SHA"
while IFS= read -r argument; do
    [ -n "$argument" ] && set -- "$@" --build-arg "$argument"
done <<ARGUMENTS
$PARAM_BUILD_ARGS
ARGUMENTS

# A Dockerfile takes them by `RUN --mount=type=secret,id=NAME`; they are in no layer unless it puts them there.
for secret in ${BUILD_SECRETS:+"$BUILD_SECRETS"/*}; do
    set -- "$@" --secret "id=${secret##*/},src=$secret"
done

export HOME="$STORAGE/home" TMPDIR="$STORAGE/tmp"
mkdir -p "$HOME" "$TMPDIR"
storage() {
    buildah --storage-driver overlay --root "$STORAGE/root" --runroot "$STORAGE/run" "$@"
}
storage bud --isolation chroot --layers=false --tls-verify="$tls_verify" --authfile "$DOCKER_CONFIG/config.json" \
    --file "$dockerfile" --tag built "$@" "$context"
storage push --tls-verify="$tls_verify" --authfile "$DOCKER_CONFIG/config.json" --digestfile "$STORAGE/digest" \
    built "docker://$PARAM_IMAGE:$PARAM_HEAD_SHA"
printf '%s' "$(cat "$STORAGE/digest")" >"$RESULT_DIGEST_PATH"
echo "pushed $PARAM_IMAGE@$(cat "$STORAGE/digest")"
