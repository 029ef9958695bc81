#!/bin/sh
# Runs the application's tests on a copy of the source.
set -eu

cp -R "$SOURCE/." "$WORK/"
cd "$WORK"
echo "running: $PARAM_TEST_COMMAND"
HOME=$(mktemp -d)
export HOME
# The folder is the volume's own, which belongs to root: git would refuse to work there.
printf '[safe]\n\tdirectory = %s\n' "$WORK" >"$HOME/.gitconfig"
exec sh -c "$PARAM_TEST_COMMAND"
