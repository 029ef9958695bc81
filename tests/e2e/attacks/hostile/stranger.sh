#!/bin/sh
# What somebody without any credential gets told who reaches all of it; `lib.sh` comes before.
exec 2>/dev/null
answers() { # answers URL [CURL OPTION]...: the HTTP status, 000 if nothing answered
    url=$1
    shift
    curl --insecure --silent --output /dev/null --max-time 3 --write-out '%{http_code}\n' "$@" "$url"
}

{ answers https://kubernetes.default.svc/api/v1/namespaces/staging-ci/secrets
answers https://kubernetes.default.svc/apis/tekton.dev/v1/namespaces/production-ci/pipelineruns; } | probe api
answers https://kubernetes.default.svc/version | control api
{ answers https://registry.internal:10250/pods; answers http://registry.internal:10255/pods
answers https://registry.internal:2379/v3/kv/range --data '{"key": "AA==", "range_end": "AA=="}'
answers https://registry.internal:10257/configz; answers https://registry.internal:10259/configz; } | probe node
answers http://forge.internal:3000/api/v1/version | control node
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
