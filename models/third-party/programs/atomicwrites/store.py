"""atomicwrites: a value that is replaced, and is durable then."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), sys.argv[1]))
FILE = "data/value"


def recover():
    if os.path.exists(FILE):
        with open(FILE) as file:
            print(file.read())


def run():
    from atomicwrites import atomic_write

    for number in (1, 2):
        with atomic_write(FILE, overwrite=True) as file:
            file.write("value %d" % number)
        print("ok", number, flush=True)


recover() if sys.argv[2:] == ["recover"] else run()
