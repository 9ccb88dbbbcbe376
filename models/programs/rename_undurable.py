# Mistake: a file is replaced by renaming a new one over it, and the new one was fsynced, but the directory was not: the rename
# can be undone by a crash after it was acknowledged. Mend: fsync the directory after the rename.
# Its files are in the folder `data` of the current folder. `rename_undurable.py VARIANT` sets the value twice, and
# `rename_undurable.py VARIANT recover` shows it; VARIANT is broken or mended.
import os
import sys

VALUE = "data/value"


def sync_directory():
    directory = os.open("data", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def read_value():
    try:
        with open(VALUE) as file:
            return int(file.read().removeprefix("value "))
    except FileNotFoundError:
        return 0


def write_value(value, mended):
    with open(VALUE + ".new", "w") as file:
        file.write(f"value {value}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(VALUE + ".new", VALUE)
    if mended:
        sync_directory()


def main():
    mended = sys.argv[1] == "mended"
    value = read_value()
    if sys.argv[2:] == ["recover"]:
        print(f"value {value}")
        return
    for value in (value + 1, value + 2):
        write_value(value, mended)
        print(f"ok {value}", flush=True)


main()
