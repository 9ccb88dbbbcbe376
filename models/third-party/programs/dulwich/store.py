"""Dulwich: a branch of a bare repository that moves from commit to commit.

What is promised of a reference is the old commit or the new one, and not that the new one is durable, so that the program sees to that by
itself. A lock that a crash has left is removed before the program goes on, which is what Git asks of its user.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), sys.argv[1]))
FOLDER = "data/refs/heads"
BRANCH = b"refs/heads/main"


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def is_set_up():
    return os.path.exists("data/HEAD") and os.path.exists(FOLDER)


def set_up():
    from dulwich.repo import Repo

    Repo.init_bare("data")
    for folder, _, files in os.walk("data"):
        for name in files:
            sync(os.path.join(folder, name))
        sync(folder)


def recover():
    from dulwich.repo import Repo

    print(Repo("data").refs[BRANCH].decode())


def run():
    from dulwich.repo import Repo

    if not is_set_up():
        set_up()
    lock = FOLDER + "/main.lock"
    if os.path.exists(lock):
        os.remove(lock)
    for digit in "12":
        Repo("data").refs[BRANCH] = digit.encode() * 40
        sync(FOLDER)
        print("ok", digit, flush=True)


recover() if sys.argv[2:] == ["recover"] else run()
