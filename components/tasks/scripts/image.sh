#!/bin/sh
# Builds the image and pushes it to the quarantine registry. Runs as uid 0 of the pod's user namespace; BuildKit gets one of
# its own, for rights that it has nowhere else.
set -eu

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

export HOME="$STORAGE/home" TMPDIR="$STORAGE/tmp" XDG_RUNTIME_DIR="$STORAGE/run"
mkdir -p "$HOME" "$TMPDIR" "$XDG_RUNTIME_DIR"
address=unix://$XDG_RUNTIME_DIR/buildkitd.sock

no_sandbox=true
[ "$PROCESS_SANDBOX" = true ] && no_sandbox=false
cat >"$STORAGE/buildkitd.toml" <<CONFIGURATION
root = "$STORAGE/buildkit"
[grpc]
address = ["$address"]
[otel]
socketPath = "$XDG_RUNTIME_DIR/otel.sock"
[worker.containerd]
enabled = false
[worker.oci]
enabled = true
gc = false
rootless = true
binary = "buildkit-runc"
noProcessSandbox = $no_sandbox
[cdi]
disabled = true
[registry."${PARAM_IMAGE%%/*}"]
http = $INSECURE
insecure = $INSECURE
CONFIGURATION

in-user-namespace buildkitd --config "$STORAGE/buildkitd.toml" >"$STORAGE/log" 2>&1 &
daemon=$!
until buildctl --addr "$address" debug workers >/dev/null 2>&1; do
    if ! kill -0 "$daemon" 2>/dev/null; then
        cat "$STORAGE/log" >&2
        echo "error: BuildKit did not start (settings \`build.processSandbox\` and \`build.seccompProfile\`)" >&2
        exit 1
    fi
    sleep 0.05
done
# BuildKit mounts the socket of its trace collector into each RUN whose start finds it: without its name nobody gets there.
rm -f "$XDG_RUNTIME_DIR/otel.sock"

set -- --opt "build-arg:REVISION=$PARAM_HEAD_SHA" --opt "label:org.opencontainers.image.revision=$PARAM_HEAD_SHA"
while IFS= read -r argument; do
    [ -n "$argument" ] && set -- "$@" --opt "build-arg:$argument"
done <<ARGUMENTS
$PARAM_BUILD_ARGS
ARGUMENTS
# RUN gets the way out as Docker gives it; the daemon itself has it from the environment.
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
    eval "value=\${$name:-}"
    [ -z "$value" ] || set -- "$@" --opt "build-arg:$name=$value"
done
# A Dockerfile takes them by `RUN --mount=type=secret,id=NAME`; they are in no layer unless it puts them there.
for secret in ${BUILD_SECRETS:+"$BUILD_SECRETS"/*}; do
    set -- "$@" --secret "id=${secret##*/},src=$secret"
done

solve() { # solve OPTION...
    # With `cmdline` a `# syntax=` line asks no registry for another reader of the Dockerfile.
    buildctl --addr "$address" build --progress plain --frontend dockerfile.v0 --opt cmdline= "$@" \
        --local "dockerfile=${dockerfile%/*}" --opt "filename=${dockerfile##*/}" --local "context=$context"
}

if [ -n "$TEST_STAGE" ]; then
    # Nothing that was run before stands for the tests; the image takes what this leaves.
    echo "testing: stage $TEST_STAGE of $PARAM_DOCKERFILE"
    { solve "$@" --opt "target=$TEST_STAGE" --opt "no-cache=$TEST_STAGE" 2>&1 || : >"$STORAGE/failed"; } |
        tee "$STORAGE/tests"
    if [ -e "$STORAGE/failed" ]; then
        # As BuildKit sums up: the instruction that failed, with its stage.
        if grep -q "^ > \[$TEST_STAGE  *[0-9]*/[0-9]*\] RUN " "$STORAGE/tests"; then
            echo "error: the tests failed" >&2
            exit "$TESTS_FAILED"
        fi
        echo "error: the stage '$TEST_STAGE' could not be built (setting 'tests.stage' of the application)" >&2
        exit 1
    fi
fi

solve "$@" --output "type=image,push=true,name=$PARAM_IMAGE:$PARAM_HEAD_SHA" --metadata-file "$STORAGE/metadata.json"
digest=$(sed -n 's/^ *"containerimage.digest": "\(sha256:[0-9a-f]*\)".*/\1/p' "$STORAGE/metadata.json")
[ -n "$digest" ]
printf '%s' "$digest" >"$RESULT_DIGEST_PATH"
echo "pushed $PARAM_IMAGE@$digest"
