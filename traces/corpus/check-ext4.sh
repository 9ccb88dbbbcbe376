#!/usr/bin/env bash
# Checks that a recovered image of the ext4 traces shows what the workload was promised.
#
#   check-ext4.sh IMAGE
#
# is run by crashcheck after recovery, with two numbers in the environment:
#   CRASHCHECK_DURABLE_OPS   so many operations, from the first, were acknowledged as durable before the crash
#   CRASHCHECK_BEGUN_OPS     so many had begun
# Every path must show what it held after some number of operations from the first to the second. Different paths need
# not agree on the number: ext4 promises no order between files. A file that an operation in between was writing may
# also end early, and show zeros for what is not yet written (ext4 gives a file its new length before its new blocks count
# as written), but never other bytes, and always all that it held before. Nothing may turn up that the workload did not
# make, and nothing in lost+found: recovery by the journal leaves nothing to guess.
#
# Needs debugfs (e2fsprogs), which reads the image without mounting it; no root. Exit code 0: as promised; 1: a broken
# promise, said on stdout; 2: the check itself could not run.
set -euo pipefail
export LC_ALL=C

broken() { echo "$*"; exit 1; }
unable() { echo "check-ext4.sh: $*" >&2; exit 2; }

[[ $# == 1 ]] || unable "usage: check-ext4.sh IMAGE"
: "${CRASHCHECK_DURABLE_OPS:?is not set}" "${CRASHCHECK_BEGUN_OPS:?is not set}"
PATH=$PATH:/usr/sbin:/sbin
command -v debugfs > /dev/null || unable "debugfs is missing: install e2fsprogs"
# shellcheck source=ext4-workload.sh
source "${BASH_SOURCE[0]%/*}/ext4-workload.sh"
((CRASHCHECK_BEGUN_OPS <= ${#OPS[@]})) || unable "the trace has more operations than ext4-workload.sh"

image=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# What the image shows and what the model says: a path that exists maps to `dir` or to `file:` and its content.
declare -A shown model
# The paths that the workload names, and those that show what they may.
declare -A known ok

# Zeros stand as this character, which the workload never writes: a variable of the shell cannot hold a zero.
ZERO=$'\x01'

# read_file FILE: sets CONTENT.
read_file() {
  local part
  CONTENT=
  while IFS= read -r -d '' part; do CONTENT+=$part$ZERO; done < "$1"
  CONTENT+=$part
}

read_image() {
  # Reading as somebody else than root, debugfs complains that it cannot give the copies their owners.
  debugfs -R "rdump / $root" "$image" > /dev/null 2>&1 || unable "debugfs cannot read $image"
  local file path
  shopt -s globstar dotglob nullglob
  for file in "$root"/**; do
    path=${file#"$root"/}
    [[ -n $path && $path != lost+found ]] || continue
    [[ $path != lost+found/* ]] || broken "recovery put $path there: it had to guess"
    if [[ -d $file ]]; then
      shown[$path]=dir
    else
      read_file "$file"
      shown[$path]=file:$CONTENT
    fi
  done
}

# perform NUMBER SYNC VERB PATH [ARGUMENT]: what the operation does to the model.
perform() {
  local verb=$3 path=$4 argument=${5:-}
  case $verb in
    mkdir) model[$path]=dir ;;
    write) content "$1" "$argument"; model[$path]=file:$CONTENT ;;
    append) content "$1" "$argument"; model[$path]+=$CONTENT ;;
    rename) model[$argument]=${model[$path]}; unset "model[$path]" ;;
    unlink) unset "model[$path]" ;;
    *) unable "operation $1 has an unknown verb '$verb'" ;;
  esac
}

# Marks the paths that show what the model says now, be it nothing.
accept_state() {
  local path
  for path in "${!shown[@]}" "${!known[@]}"; do
    if [[ ${shown[$path]-absent} == "${model[$path]-absent}" ]]; then ok[$path]=yes; fi
  done
}

# accept_part VERB PATH OLD: marks a path whose write is under way if it shows a beginning of the new content that holds
# all of the old, with zeros for what is missing.
accept_part() {
  local now=${shown[$2]-absent} old=${3:-file:}
  [[ $1 == write || $1 == append ]] || return 0
  # The zeros match anything; the workload writes no character that means something in a pattern.
  [[ $now == "$old"* && $now != *['*?[\']* ]] || return 0
  # shellcheck disable=SC2053
  if [[ ${model[$2]} == ${now//$ZERO/?}* ]]; then ok[$2]=yes; fi
}

# Goes through the states of the window, after the durable operations to after those begun.
run_model() {
  local number words operation old
  for operation in "${OPS[@]}"; do
    read -ra words <<< "$operation"
    known[${words[2]}]=yes
    if [[ ${words[1]} == rename ]]; then known[${words[3]}]=yes; fi
  done
  for ((number = 0; number < CRASHCHECK_BEGUN_OPS; number++)); do
    ((number < CRASHCHECK_DURABLE_OPS)) || accept_state
    read -ra words <<< "${OPS[number]}"
    old=${model[${words[2]}]-}
    perform "$number" "${words[@]}"
    ((number < CRASHCHECK_DURABLE_OPS)) || accept_part "${words[1]}" "${words[2]}" "$old"
  done
  accept_state
}

describe() {
  local zeros
  case $1 in
    absent) echo "nothing" ;;
    dir) echo "a directory" ;;
    *$ZERO*) zeros=${1//[^$ZERO]/}; echo "a file of $((${#1} - 5)) bytes, ${#zeros} of them zeros" ;;
    *) echo "a file of $((${#1} - 5)) bytes" ;;
  esac
}

read_image
run_model
for path in "${!shown[@]}" "${!known[@]}"; do
  [[ -z ${ok[$path]-} ]] || continue
  broken "$path shows $(describe "${shown[$path]-absent}"), which no state after $CRASHCHECK_DURABLE_OPS to" \
    "$CRASHCHECK_BEGUN_OPS operations has; after the last it is $(describe "${model[$path]-absent}")"
done
