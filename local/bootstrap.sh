#!/bin/sh
# Makes .venv from uv.lock. Uses the uv on PATH, or installs a pinned one beside it with pip.
set -eu

UV_VERSION=0.13.9

cd "$(dirname "$0")/.."
if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
    uv=uv
else
    uv=.local/uv/bin/uv
    if [ ! -x "$uv" ]; then
        echo "Installing uv $UV_VERSION into .local/uv"
        python3 -m venv .local/uv || {
            echo "error: python3 cannot make a virtual environment. Install Debian's python3-venv." >&2
            exit 1
        }
        .local/uv/bin/pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
    fi
fi
"$uv" sync --frozen --quiet --no-progress
touch .venv/.complete
