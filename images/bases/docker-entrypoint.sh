#!/bin/sh
# What people know of the image `postgres`: the first start makes a cluster in PGDATA, as its variables say.
set -eu
if [ "${1:-}" = postgres ] && ! [ -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo "POSTGRES_PASSWORD is not set, and POSTGRES_HOST_AUTH_METHOD is not trust" >&2
        exit 1
    fi
    password=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:-none}" >"$password"
    initdb --username="$user" --pwfile="$password" --auth-local=trust --auth-host="$method" --no-sync >/dev/null
    rm "$password"
    echo "host all all all $method" >>"$PGDATA/pg_hba.conf"
    if [ "$database" != postgres ]; then
        echo "CREATE DATABASE \"$database\"" | postgres --single -D "$PGDATA" postgres >/dev/null
    fi
fi
exec "$@"
