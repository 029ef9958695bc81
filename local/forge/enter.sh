#!/bin/sh
# Run a command of Gitea's: enter.sh PROGRAM STATE UID USER COMMAND...
# Gitea refuses to run as root, and an ordinary user cannot reach a checkout or a cache below a private home. So its two
# folders are shown at fixed paths in a mount namespace of its own (the caller's `unshare --mount`), which ends with it.
# Fixed paths also keep what Gitea writes down valid: the git hooks of a repository name the program and its configuration.
set -eu
program=$1 state=$2 uid=$3 user=$4
shift 4

mount -t tmpfs -o mode=0755,size=1m forge /mnt
mkdir /mnt/gitea /mnt/forge
mount --bind "$program" /mnt/gitea
mount -o remount,bind,ro /mnt/gitea
mount --bind "$state" /mnt/forge
cd /mnt/forge

# No entry in /etc/passwd is needed: Gitea falls back to $USER where there is none.
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
    env "USER=$user" HOME=/mnt/forge/home "$@"
