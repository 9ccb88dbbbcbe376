#!/bin/sh
# Mistake: a manifest names the log that is valid, and is replaced before the log that it names is written. Each is made
# durable on its own, in the wrong order. Mend: the log first, and then the manifest.
# Its files are in the folder `data` of the current folder. `log_and_manifest.sh VARIANT` begins two logs, and
# `log_and_manifest.sh VARIANT recover` shows the last; VARIANT is broken or mended.
set -eu

write_log() {
    echo "log $1" >"data/log-$1"
    sync "data/log-$1"
    sync data
}

write_manifest() {
    echo "log-$1" >data/manifest.new
    sync data/manifest.new
    mv -f data/manifest.new data/manifest
    sync data
}

# The number of the log that is valid, or 0.
number() {
    if [ -e data/manifest ]; then
        name=$(cat data/manifest)
        echo "${name#log-}"
    else
        echo 0
    fi
}

begin() {
    next=$(($(number) + 1))
    if [ "$1" = mended ]; then
        write_log "$next" && write_manifest "$next"
    else
        write_manifest "$next" && write_log "$next"
    fi
    echo "ok $next"
}

if [ "${2:-}" != recover ]; then
    begin "$1"
    begin "$1"
elif [ -e data/manifest ]; then
    cat "data/$(cat data/manifest)"
else
    echo "no log"
fi
