#!/bin/sh
# Waits until a service beside the tests can be used: it accepts a connection on its port, or answers there by HTTP.
set -eu

if [ -n "$HTTP_PATH" ]; then
    what="answers http://localhost:$PORT$HTTP_PATH"
else
    what="accepts connections on port $PORT"
fi

ready() {
    if [ -n "$HTTP_PATH" ]; then
        curl --silent --fail --globoff --path-as-is --max-time 5 --output /dev/null "http://localhost:$PORT$HTTP_PATH"
        return
    fi
    code=0
    curl --silent --max-time 0.5 --output /dev/null "telnet://localhost:$PORT" </dev/null || code=$?
    # A connection that was opened counts, even if it stayed silent (28) or was closed at once (56).
    case $code in 0 | 28 | 56) return 0 ;; *) return 1 ;; esac
}

begun=$(date +%s)
until ready; do
    if [ $(($(date +%s) - begun)) -ge "$READY_SECONDS" ]; then
        echo "the service $SERVICE did not get ready within ${READY_SECONDS}s: nothing $what" >&2
        exit 1
    fi
    sleep 0.2
done
echo "the service $SERVICE $what after $(($(date +%s) - begun))s"
