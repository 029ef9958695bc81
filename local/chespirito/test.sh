#!/bin/sh
# Tests of this repository: sh test.sh. Needs a POSIX shell and busybox, downloads nothing. TAP output; exit code 1 when a test failed.
set -u
cd "$(dirname "$0")" || exit 2
site=$(mktemp -d) || exit 2
server=
number=0
failed=0
trap 'kill $server 2>/dev/null; rm -rf "$site"' EXIT
trap 'exit 2' HUP INT PIPE TERM

check() { # check STATUS WHAT
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        failed=1
    fi
}

get() {
    busybox wget -q -Y off -O - "http://127.0.0.1:$port/$1" 2>/dev/null
}

# A port may be taken: the server ends at once then, and the next one is tried.
start() {
    for port in $((20000 + $$ % 10000)) $((30000 + $$ % 10000)) $((40000 + $$ % 10000)); do
        PORT=$port sh serve.sh "$site" &
        server=$!
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            [ "$(get healthz)" != ok ] || return 0
            kill -0 "$server" 2>/dev/null || continue 2
            busybox sleep 0.1
        done
        break
    done
    return 1
}

grep -q '[^[:space:]]' message.txt
check $? 'the message has text'
! grep -q TODO message.txt
check $? 'the message is finished'
sh render.sh . "$site" 'test<1>'
check $? 'the site renders'
if start; then
    check 0 'the server answers that it is healthy'
    get '' | grep -qF -- "$(sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' message.txt)"
    check $? 'the page shows the message'
    get '' | grep -qF 'test&lt;1&gt;'
    check $? 'the page shows the revision, escaped'
    ! get nowhere >/dev/null
    check $? 'an unknown page is an error'
    kill "$server"
    wait "$server"
    ! get healthz >/dev/null
    check $? 'the server ends when told to'
else
    check 1 'the server answers that it is healthy'
fi
echo "1..$number"
exit "$failed"
