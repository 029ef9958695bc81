#!/bin/sh
# How a step shows what others wrote, in a log or in a reason; it is put into the scripts that do. Control characters could
# rewrite what a terminal shows, and those that turn the direction of writing, or that nobody sees, could make a text read as
# another one (`steps/text.py` has the same).
set -eu

# Runs a command whose errors are shown plainly; its output and how it ends stay its own.
plainly() { # plainly COMMAND [ARGUMENT...]
    {
        ended=$({ { "$@" 2>&1 >&4 3>&- 4>&- && echo 0 >&3 || echo $? >&3; } | plain >&2 3>&- 4>&-; } 3>&1)
    } 4>&1
    return "$ended"
}

plain() { # plain: from standard input to standard output; what is no UTF-8 becomes a sign of that, line ends stay
    jq --raw-input --raw-output 'gsub("[\\x00-\\x1f\\x7f-\\x{9f}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}"
        + "\\x{890}\\x{891}\\x{8e2}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{200b}-\\x{200f}"
        + "\\x{2028}-\\x{202e}\\x{2060}-\\x{206f}\\x{3164}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}"
        + "\\x{13430}-\\x{1343f}\\x{1bca0}-\\x{1bca3}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]"; " ")'
}
