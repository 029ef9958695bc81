#!/bin/sh
# Makes .venv from uv.lock. Uses the uv on PATH, or installs a pinned one beside it with pip.
set -eu

UV_VERSION=0.13.9

cd "$(dirname "$0")/.."
log=.local/uv.log

make_venv() {
    python3 -m venv --clear .local/uv >>"$log" 2>&1
}

# What Debian has left out of python3.
install_venv() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing Debian's python3-venv"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update >>"$log" 2>&1
    apt-get install --yes --no-install-recommends python3-venv >>"$log" 2>&1
}

if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
    uv=uv
else
    uv=.local/uv/bin/uv
    if [ ! -x "$uv" ]; then
        echo "Installing uv $UV_VERSION into .local/uv"
        mkdir -p .local
        : >"$log"
        if make_venv || { install_venv && make_venv; }; then
            .local/uv/bin/pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
        elif python3 -m pip --version >>"$log" 2>&1; then
            rm -rf .local/uv
            python3 -m pip install --quiet --disable-pip-version-check --target .local/uv "uv==$UV_VERSION"
        else
            tail -n 3 "$log" >&2
            echo "error: python3 can make no virtual environment and has no pip, and uv is not on PATH." \
                "Install one of them: apt-get install python3-venv" >&2
            exit 1
        fi
    fi
fi
"$uv" sync --frozen --quiet --no-progress
touch .venv/.complete
