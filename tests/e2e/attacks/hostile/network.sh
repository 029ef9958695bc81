#!/bin/sh
# Tries to connect to each `NAME HOST PORT` of $TARGETS, all at once, and prints those that take the connection. Before that,
# as the first thing of all, it tries $FIRST (HOST PORT) again and again, and prints how many tries that took.
exec 2>/dev/null
connects() { # connects SECONDS HOST PORT: whatever is spoken there
    [ "$(curl --silent --output /dev/null --connect-timeout "$1" --max-time 3 --write-out '%{time_connect}' "http://$2:$3/")" \
        != 0.000000 ]
}
try() { # try NAME HOST PORT
    connects 2 "$2" "$3" && echo "REACHED $1"
}

tries=1
# shellcheck disable=SC2086
until connects 0.25 $FIRST || [ "$tries" = 20 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
echo "TRIES $tries"
while read -r name host port; do
    try "$name" "$host" "$port" &
done <<END
$TARGETS
END
wait
echo "TRIED $(echo "$TARGETS" | wc -l)"
