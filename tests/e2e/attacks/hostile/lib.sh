# Each finding is one line: `PROBE <name> <what an attacker would like to find>`. A line that begins with CONTROL shows that
# the same probe finds what is there to be found.
probe() {
    printf 'PROBE %s %s\n' "$1" "$(cat | tr '\n' ' ')"
}
control() {
    printf 'CONTROL %s %s\n' "$1" "$(cat | tr '\n' ' ')"
}
commands() { # of all processes that can be seen, one a line
    for process in /proc/[0-9]*; do
        tr '\0' ' ' <"$process/cmdline"
        echo
    done
}
