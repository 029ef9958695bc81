#!/bin/sh
# Serve the site on $PORT: serve.sh [SITE]
# The shell stays as process 1 because httpd installs no handler for TERM, and process 1 ignores a signal that it does not handle.
set -eu
busybox httpd -f -p "${PORT:-8080}" -h "${1:-/srv/chespirito}" &
server=$!
trap 'kill "$server"' INT TERM
wait "$server"
