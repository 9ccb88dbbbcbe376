# Mistake: that a file is there says that a program is at work, and a crash leaves it behind, so that nothing opens the store
# again. Mend: lock the file (flock), which ends with the process whatever ends that; that the file is there says nothing.
# Its files are in the folder `data` of the current folder. `lock_file.py VARIANT` sets the value twice, and
# `lock_file.py VARIANT recover` shows it; VARIANT is broken or mended.
import fcntl
import os
import sys
from contextlib import contextmanager

LOCK, VALUE = "data/lock", "data/value"


@contextmanager
def locked(mended):
    try:
        if mended:
            lock = os.open(LOCK, os.O_RDWR | os.O_CREAT)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    except (FileExistsError, BlockingIOError):
        sys.exit("the store is in use: " + LOCK)
    yield
    os.close(lock)
    if not mended:
        os.unlink(LOCK)


def read_value():
    try:
        with open(VALUE) as file:
            return int(file.read().removeprefix("value "))
    except FileNotFoundError:
        return 0


def write_value(value):
    with open(VALUE + ".new", "w") as file:
        file.write(f"value {value}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(VALUE + ".new", VALUE)
    directory = os.open("data", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def main():
    mended = sys.argv[1] == "mended"
    if sys.argv[2:] == ["recover"]:
        with locked(mended):
            print(f"value {read_value()}")
        return
    for _ in range(2):
        with locked(mended):
            value = read_value() + 1
            write_value(value)
        print(f"ok {value}", flush=True)


main()
