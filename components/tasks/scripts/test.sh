#!/bin/sh
# Runs the application's tests on a copy of the source.
set -eu

cp -R "$SOURCE/." "$WORK/"
cd "$WORK"
echo "running: $PARAM_TEST_COMMAND"
HOME=$(mktemp -d)
export HOME
exec sh -c "$PARAM_TEST_COMMAND"
