# The workload behind the ext4 traces, sourced by the recorder and by the check so that both mean the same thing.
#
# An operation is `SYNC VERB PATH [ARGUMENT]`, carried out and then made durable as SYNC says:
#   fsync    fsync of what the operation changed: the file, or the directory that names it
#   syncfs   syncfs of the whole file system, which also writes the metadata to its place (a checkpoint)
#   settle   syncfs, then fsync of the file `keep`, for its flush alone (fsync of a directory sends none): the
#            checkpoint does not stay in flight beside the next transaction, where each of its blocks would double
#            the number of crash states
#   none     nothing: a crash may undo it
# An fsync vouches for what it syncs, not for operations before it; so a `none` is followed by a `syncfs` or `settle`
# before the next `fsync`, and every durable acknowledgement covers all operations up to its own.
# shellcheck shell=bash

OPS=(
  'fsync write keep 100'
  'fsync mkdir d'
  'fsync write one 900'
  'settle write d/two 2600'
  'fsync append one 900'
  'fsync rename one d/one'
  'settle unlink d/two'
  'fsync write new 1800'
  'fsync rename new d/one'
  'settle mkdir e'
  'none write e/three 700'
  'syncfs append d/one 500'
  'settle rename e/three d/three'
  'fsync append d/three 300'
  'fsync unlink d/one'
  'syncfs write f 4000'
)

# content NUMBER SIZE: sets CONTENT to the bytes that operation NUMBER writes, lines of 16 bytes that no other has.
content() {
  local line size=$2
  CONTENT=
  for ((line = 0; line * 16 < size; line++)); do
    printf -v CONTENT '%sop %02d line %04d\n' "$CONTENT" "$1" "$line"
  done
  CONTENT=${CONTENT:0:size}
}
