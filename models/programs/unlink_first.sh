#!/bin/sh
# Mistake: each version of a value is a file of its own, and the old one is unlinked when the new one has its name, but before
# that name is durable: the unlink can survive a crash without the rename. Mend: fsync the directory in between.
# Its files are in the folder `data` of the current folder. `unlink_first.sh VARIANT` writes two versions, and
# `unlink_first.sh VARIANT recover` shows the last; VARIANT is broken or mended.
set -eu

# The number of the last version, or 0.
last() {
    n=0
    for file in data/version-*; do
        if [ -e "$file" ] && [ "${file#data/version-}" -gt "$n" ]; then
            n=${file#data/version-}
        fi
    done
}

write() {
    last
    old=$n new=$((n + 1))
    echo "version $new" >data/new
    sync data/new
    mv -f data/new "data/version-$new"
    if [ "$1" = mended ]; then
        sync data
    fi
    rm -f "data/version-$old"
    sync data
    echo "ok $new"
}

if [ "${2:-}" != recover ]; then
    write "$1"
    write "$1"
else
    last
    if [ "$n" -gt 0 ]; then
        cat "data/version-$n"
    else
        echo "no version"
    fi
fi
