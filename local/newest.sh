#!/bin/sh
# Runs a command with the newest pulumi-kubernetes that pyproject.toml allows, in place of the one that uv.lock pins.
set -eu

cd "$(dirname "$0")/.."
folder=.local/newest
wanted=$(sed -n 's/^ *"\(pulumi-kubernetes[^"]*\)".*/\1/p' pyproject.toml)
if command -v uv >/dev/null 2>&1; then uv=uv; else uv=.local/uv/bin/uv; fi
"$uv" pip install --quiet --no-deps --upgrade --python .venv/bin/python --target "$folder" "$wanted"
PYTHONPATH=$folder exec "$@"
