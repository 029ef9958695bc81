#!/bin/sh
# How a step shows what others wrote, in a log or in a reason; it is put into the scripts that do. Control characters could
# rewrite what a terminal shows, and those that turn the direction of writing could make a text read as another one.
set -eu

# Runs a command whose errors are shown plainly; its output and how it ends stay its own.
plainly() { # plainly COMMAND [ARGUMENT...]
    {
        ended=$({ { "$@" 2>&1 >&4 3>&- 4>&- && echo 0 >&3 || echo $? >&3; } | plain >&2 3>&- 4>&-; } 3>&1)
    } 4>&1
    return "$ended"
}

plain() { # plain: from standard input to standard output; what is no UTF-8 becomes a sign of that, line ends stay
    jq --raw-input --raw-output 'gsub("[\\x00-\\x1f\\x7f-\\x{9f}\\x{61c}\\x{200e}\\x{200f}\\x{2028}-\\x{202e}\\x{2066}-\\x{2069}]"; " ")'
}
