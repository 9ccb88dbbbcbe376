#!/usr/bin/env bash
# Records what the kernel's ext4 writes to its disk while it carries out the workload of ext4-workload.sh.
#
#   sudo ./record-ext4.sh barrier|nobarrier OUT_DIR
#
# leaves in OUT_DIR, for the conversion into a trace (cargo run -p crashcheck-trace --example corpus):
#   base   the device right after mkfs: 2 MiB, blocks of 1 KiB, a journal of 1 MiB, the smallest that mkfs.ext4 makes
#   log    every write and flush since, in the format of dm-log-writes (written by QEMU's blklogwrites)
#   ops    when each operation began and returned, `begin BYTE TEXT` and `ack BYTE durable|volatile`, and last where
#          the trace ends, `end BYTE`; BYTE is the length of the log at that moment
#
# How it is stacked, and why:
#
#   ext4 -> loop device -> FUSE file of qemu-storage-daemon -> blklogwrites -> { disk image, log }
#
# so that no device-mapper is needed. The loop device works its queue in order, one request at a time, and QEMU logs a
# request before it answers; so when a system call has returned, all that it waited for is in the log, and the length
# of the log is a place in it. A request of the background that slips in between makes an acknowledgement later than
# it was and a beginning earlier: both err on the side of promising less.
#
# - The loop device must not use direct I/O: QEMU's FUSE export corrupts data then.
# - `nomerges` keeps one write per bio. A write of several blocks is still one write of the trace.
# - Loop devices have no FUA, so ext4's FUA commit arrives as a write and a flush.
# - Never call `sync` without an argument, here or in a copy of this: it waits for every file system of the machine.
#   A daemon that hangs leaves its users in unkillable sleep; killing the daemon frees them, which is what the
#   `timeout` around it is for (RECORD_TIMEOUT_S, by default 120).
set -euo pipefail

die() { echo "record-ext4.sh: $*" >&2; exit 1; }

[[ $# == 2 ]] || die "usage: record-ext4.sh barrier|nobarrier OUT_DIR"
case $1 in
  barrier) mount_options=noatime ;;
  nobarrier) mount_options=noatime,nobarrier ;;
  *) die "'$1' is neither barrier nor nobarrier" ;;
esac
[[ $EUID == 0 ]] || die "needs root, for the loop device and the mount"
[[ -c /dev/fuse ]] || die "/dev/fuse is missing: load the kernel module fuse, or run the container with --device /dev/fuse"
[[ -c /dev/loop-control ]] || die "/dev/loop-control is missing: load the kernel module loop"
need() { command -v "$1" > /dev/null || die "$1 is missing: install $2 (Debian's name)"; }
need qemu-storage-daemon qemu-system-common
need mkfs.ext4 e2fsprogs
need losetup mount
need mountpoint util-linux

# shellcheck source=ext4-workload.sh
source "$(dirname "${BASH_SOURCE[0]}")/ext4-workload.sh"
mkdir -p "$2"
out=$(cd "$2" && pwd)
work=$(mktemp -d)
export_file=$work/export
mount_dir=$work/mnt
loop=
daemon=

# Retries what a stray copy of a file descriptor can make fail for a moment.
patiently() {
  local try
  for ((try = 0; try < 200; try++)); do
    # A bare `return` in a trap gives the exit code from before the trap.
    "$@" 2> /dev/null && return 0
    sleep 0.01
  done
  "$@"
}

# The order matters: the file system, its loop device, the daemon below. Nothing here touches other loop devices.
stop_recording() {
  if mountpoint -q "$mount_dir"; then patiently umount "$mount_dir"; fi
  if [[ -n $loop ]]; then patiently losetup -d "$loop"; loop=; fi
  if [[ -n $daemon ]]; then
    kill "$daemon" 2> /dev/null || true
    wait "$daemon" 2> /dev/null || true
    daemon=
  fi
  if grep -qF " $export_file " /proc/mounts; then umount -l "$export_file"; fi
}

clean_up() {
  trap - EXIT
  set +e
  # Not in the file system that is about to be unmounted.
  cd /
  stop_recording
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

make_file_system() {
  truncate -s 2M "$work/disk"
  # Fixed identifiers, so that two recordings differ in time stamps only.
  mkfs.ext4 -q -F -b 1024 -N 64 -m 0 -O '^resize_inode' -U 63726173-6863-6865-636b-000000000001 \
    -E lazy_itable_init=0,lazy_journal_init=0,hash_seed=63726173-6863-6865-636b-000000000002 "$work/disk"
  cp "$work/disk" "$out/base"
}

start_recording() {
  touch "$work/log" "$export_file"
  timeout --kill-after=2 "${RECORD_TIMEOUT_S:-120}" qemu-storage-daemon \
    --blockdev "driver=file,node-name=disk,filename=$work/disk" \
    --blockdev "driver=file,node-name=log,filename=$work/log" \
    --blockdev driver=blklogwrites,node-name=recorder,file=disk,log=log,log-sector-size=512 \
    --export "type=fuse,id=export,node-name=recorder,mountpoint=$export_file,writable=on,growable=off" &
  daemon=$!
  local try
  for ((try = 0; try < 500; try++)); do
    grep -qF " $export_file " /proc/mounts && return
    kill -0 "$daemon" 2> /dev/null || die "qemu-storage-daemon ended at once"
    sleep 0.01
  done
  die "qemu-storage-daemon did not export the disk within 5 s"
}

mount_file_system() {
  loop=$(losetup --find --show --direct-io=off "$export_file")
  echo 2 > "/sys/block/${loop#/dev/}/queue/nomerges"
  mkdir "$mount_dir"
  mount -t ext4 -o "$mount_options" "$loop" "$mount_dir"
}

note() { echo "$1 $(stat -c %s "$work/log")${2:+ $2}" >> "$out/ops"; }

# perform NUMBER SYNC VERB PATH [ARGUMENT]
perform() {
  local number=$1 sync=$2 verb=$3 path=$4 argument=${5:-}
  local synced=$path
  case $verb in
    mkdir) mkdir "$path" ;;
    write) content "$number" "$argument"; printf %s "$CONTENT" > "$path" ;;
    append) content "$number" "$argument"; printf %s "$CONTENT" >> "$path" ;;
    rename) mv -T "$path" "$argument"; synced=$(dirname "$argument") ;;
    unlink) rm "$path"; synced=$(dirname "$path") ;;
    *) die "operation $number has an unknown verb '$verb'" ;;
  esac
  case $sync in
    fsync) sync "$synced" ;;
    syncfs) sync -f "$synced" ;;
    settle) sync -f "$synced"; sync keep ;;
    none) return ;;
    *) die "operation $number has an unknown sync '$sync'" ;;
  esac
}

run_workload() {
  local number operation promise
  : > "$out/ops"
  cd "$mount_dir"
  for number in "${!OPS[@]}"; do
    operation=${OPS[number]}
    note begin "$operation"
    # shellcheck disable=SC2086 # An operation is a list of words.
    perform "$number" $operation
    promise=durable
    [[ $operation == none* ]] && promise=volatile
    note ack "$promise"
  done
  cd "$work"
}

make_file_system
start_recording
mount_file_system
run_workload
# A crash comes while the file system is in use: what the unmount writes is cut off at this place.
note end
# QEMU writes the head of the log at a flush, which without barriers comes with the unmount at the earliest.
stop_recording
cp "$work/log" "$out/log"
clean_up
echo "recorded ${#OPS[@]} operations and $(stat -c %s "$out/log") bytes of log into $out"
