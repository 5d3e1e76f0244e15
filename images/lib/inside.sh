#!/bin/sh
# For the scripts that run inside of a container: one line per finding, read by test.sh.
check() { # sentence, command ...
    sentence=$1
    shift
    if output=$("$@" 2>&1); then echo "ok - $sentence"; else echo "not ok - $sentence: $(echo "$output" | tail -n 4 | tr '\n' ' ')"; fi
}
refused() { ! "$@"; }
prints() { # expected text (part of the output), command ...
    expected=$1
    shift
    text=$("$@" 2>&1) || { echo "exit code $?: $text"; return 1; }
    case $text in *"$expected"*) ;; *) echo "expected '$expected', got '$text'"; return 1 ;; esac
}
# Folders and files, by their permissions, that user $1 could change outside of its home and of /tmp.
changeable_by() {
    find / -xdev ! -type l ! -type c \( -uid "$1" -o -gid "$1" -o -perm -0002 \) 2> /dev/null |
        grep -vE '^/(home/dev|tmp|proc|sys|dev|test)(/|$)|^/(var/tmp|run/lock)$' || true
}
