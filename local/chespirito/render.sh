#!/bin/sh
# Write the site: render.sh SOURCE TARGET REVISION
# The page is made when the image is built, so the running container writes nothing and fits a read-only root file system.
set -eu
source=$1 target=$2 revision=$3

escape() {
    sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g'
}

message=$(escape <"$source/message.txt")
revision=$(printf '%s' "$revision" | escape)

mkdir -p "$target"
cat >"$target/index.html" <<PAGE
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>chespirito</title></head>
<body>
<h1>chespirito</h1>
<p id="message">$message</p>
<p>revision <code id="revision">$revision</code></p>
</body>
</html>
PAGE
printf 'ok\n' >"$target/healthz"
