#!/bin/sh
# Mistake: a new file is written and fsynced, and the directory is not: under POSIX the bytes are durable, and the name by
# which anybody finds them is not. Mend: fsync the directory as well.
# Its files are in the folder `data` of the current folder. `new_file_undurable.sh VARIANT` adds two notes, and
# `new_file_undurable.sh VARIANT recover` shows all; VARIANT is broken or mended.
set -eu

# A note that was not wholly written does not end in this line.
whole() {
    [ -e "$1" ] && [ "$(tail -n 1 "$1")" = end ]
}

# How many notes there are.
count() {
    n=0
    while whole "data/note-$((n + 1))"; do
        n=$((n + 1))
    done
}

add() {
    count
    next=$((n + 1))
    printf 'note %s\nend\n' "$next" | dd of="data/note-$next" conv=fsync status=none
    if [ "$1" = mended ]; then
        sync data
    fi
    echo "ok $next"
}

if [ "${2:-}" = recover ]; then
    count
    echo "notes: $n"
    for note in $(seq "$n"); do
        head -n 1 "data/note-$note"
    done
else
    add "$1"
    add "$1"
fi
