#!/bin/sh
# Copies the image from quarantine to the application's repository, by digest and unchanged: one image for the platform that
# is needed, no larger than the settings allow, with all of its layers in the registry. The tag is this copy's alone, and
# keeps it; those that lead to what is signed are set by the step that signs.
set -eu

# shellcheck source=SCRIPTDIR/plain.sh
. "${0%/*}/plain.sh"

# What pod 1 and a manifest say ends up in a log and a commit status.
refuse() {
    reason=$(printf '%s' "$1" | LC_ALL=C tr -cd ' -~' | cut -c 1-139)
    printf '%s' "$reason" >"$RESULT_REASON_PATH"
    printf 'error: %s\n' "$reason" >&2
    exit 1
}

# Not grep, which judges line by line: one good line among others would do.
hex=${PARAM_DIGEST#sha256:}
case $hex in *[!0-9a-f]*) hex= ;; esac
if [ "$PARAM_DIGEST" != "sha256:$hex" ] || [ ${#hex} -ne 64 ]; then
    refuse "pod 1 gave no digest but '$PARAM_DIGEST'"
fi
set --
[ "$INSECURE" = true ] && set -- --insecure
source=$PARAM_QUARANTINE_IMAGE@$PARAM_DIGEST

# The clients that copy and pull it take a name in any case for the same field, so a name that is not known is refused.
plainly crane manifest "$@" "$source" >"$SCRATCH/manifest.json"
[ "$(wc -c <"$SCRATCH/manifest.json")" -le 4194304 ] || refuse "the manifest of the image is larger than 4 MiB"
wrong=$(jq --raw-output --slurp --arg bound "$MAX_IMAGE_SIZE" '
    def descriptor(types):
        type == "object" and keys - ["annotations", "digest", "mediaType", "size"] == []
        and (.digest | type == "string") and (.mediaType | type == "string" and test(types))
        and (.size | type == "number" and . >= 0 and . == floor and . < 1e15);
    def bytes: capture("^(?<count>[0-9]+)(?<unit>Ki|Mi|Gi)$")
        | (.count | tonumber) * {Ki: 1024, Mi: 1048576, Gi: 1073741824}[.unit];
    def other: "it is no image that can be delivered: ";
    if length != 1 or (.[0] | type) != "object" then other + "no manifest" else .[0]
    | if has("manifests") or .mediaType == "application/vnd.oci.image.index.v1+json"
        or .mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
      then "it is an index, and not one image"
      elif keys - ["annotations", "config", "layers", "mediaType", "schemaVersion"] != []
      then other + "its manifest has \(keys - ["annotations", "config", "layers", "mediaType", "schemaVersion"] | first)"
      elif .schemaVersion != 2 or (.mediaType != null and .mediaType != "application/vnd.oci.image.manifest.v1+json"
        and .mediaType != "application/vnd.docker.distribution.manifest.v2+json")
      then other + "its manifest is of the type \(.mediaType)"
      elif .config | descriptor("^application/vnd[.](oci[.]image[.]config|docker[.]container[.]image)[.]v1[+]json$") | not
      then other + "its configuration is none of an image"
      elif (.layers | type) != "array" or any(.layers[];
        descriptor("^application/vnd[.](oci[.]image[.]layer[.]v1[.]tar([+](gzip|zstd))?|docker[.]image[.]rootfs[.]diff[.]tar([.](gzip|zstd))?)$") | not)
      then other + "a layer is of another type, or lies elsewhere"
      elif .config.size > 4194304 then "the configuration of the image is larger than 4 MiB"
      else ([.config, .layers[]] | map(.size) | add) as $size
      | if $size > ($bound | bytes)
        then "the image has \($size / 1048576 | ceil) MiB compressed, and build.maxImageSize allows \($bound)"
        else "" end
      end
    end' "$SCRATCH/manifest.json") || wrong="it is no image that can be delivered: its manifest is no JSON"
[ -z "$wrong" ] || refuse "$wrong"

needed=$PLATFORM
if [ -z "$needed" ]; then
    machine=$(uname -m)
    case $machine in
    x86_64) machine=amd64 ;;
    aarch64) machine=arm64 ;;
    armv*) machine=arm ;;
    esac
    needed=linux/$machine
fi
plainly crane config "$@" "$source" >"$SCRATCH/config.json"
wrong=$(jq --raw-output --slurp --arg needed "$needed" '
    if length != 1 or (.[0] | type) != "object" then "the configuration of the image is none" else .[0]
    | if any(keys[]; test("[^ -~]") or (IN("os", "architecture", "variant") | not)
        and (ascii_downcase | IN("os", "architecture", "variant")))
      then "the configuration of the image has a name that clients read in two ways"
      elif [.os, .architecture] | map(type) != ["string", "string"] then "the image does not say its platform"
      else "\(.os)/\(.architecture)" as $short
      | if [$short, "\($short)/\(.variant)"] | any(. == $needed) then ""
        else "the image is for \(if .variant then "\($short)/\(.variant)" else $short end), and \($needed) is needed (build.platform)"
        end
      end
    end' "$SCRATCH/config.json") || wrong="the configuration of the image is no JSON"
[ -z "$wrong" ] || refuse "$wrong"

tag=$PARAM_HEAD_SHA-$PARAM_PULL_REQUEST-$(printf '%s' "$hex" | cut -c 1-12)
plainly crane copy "$@" "$source" "$PARAM_IMAGE:$tag"
printf '%s' "$PARAM_IMAGE@$PARAM_DIGEST" >"$RESULT_IMAGE_PATH"
echo "copied $PARAM_IMAGE@$PARAM_DIGEST"
