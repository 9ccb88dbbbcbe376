"""persist-queue: a queue in a folder, to which an item is put twice; with `recover`, what is in it.

The folder is made durable before an item counts as put, so that what is looked at is only what is in the files.
"""

import os
import sys

sys.path.insert(0, sys.argv[1])
FOLDER = "data"


def open_queue():
    from persistqueue import Queue

    return Queue(FOLDER, tempdir=FOLDER)


def recover():
    if not os.path.exists(FOLDER + "/info"):
        return
    queue = open_queue()
    while not queue.empty():
        print(queue.get())


def run():
    queue = open_queue()
    for number in (1, 2):
        queue.put("item %d" % number)
        folder = os.open(FOLDER, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        print("ok", number, flush=True)


recover() if sys.argv[2:] == ["recover"] else run()
