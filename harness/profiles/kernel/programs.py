"""Small programs on files, each about one thing that a file system may promise or not.

    python3 programs.py set-up NAME DIR    makes what is there before
    python3 programs.py run NAME DIR       runs it
    python3 programs.py tree DIR           prints what is there, in one line

All but the last return end by overwriting `z`, which was there before, and by an fdatasync of it: a crash state in which z is new comes
after everything else that the program did.
"""

import os
import sys

BLOCK = 4096
here = lambda path: os.path.join(folder, path)


def write(path, letter, at=0, blocks=1, flags=0):
    """Writes so many blocks of one letter, from a block on."""
    file = os.open(here(path), os.O_RDWR | os.O_CREAT | flags, 0o644)
    os.pwrite(file, letter.encode() * (BLOCK * blocks), BLOCK * at)
    os.close(file)


def sync(path, how=os.fsync):
    file = os.open(here(path), os.O_RDONLY)
    how(file)
    os.close(file)


def create(*paths):
    for path in paths:
        os.close(os.open(here(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644))


rename = lambda old, new: os.rename(here(old), here(new))
link = lambda old, new: os.link(here(old), here(new))
unlink = lambda path: os.unlink(here(path))
mkdir = lambda path: os.mkdir(here(path))
truncate = lambda path, blocks: os.truncate(here(path), BLOCK * blocks)

# By name: what is there before, and what is done, as lists of calls.
PROGRAMS = {
    "fsync of a new file": ([], lambda: (write("a", "A"), sync("a"), create("b"))),
    "create, then fsync of another": ([], lambda: (create("b"), write("a", "A"), sync("a"))),
    "create and write, then fsync of another": ([], lambda: (write("b", "B"), write("a", "A"), sync("a"))),
    "unlink, then fsync of another": (["u"], lambda: (unlink("u"), write("a", "A"), sync("a"))),
    "rename, then fsync of another": (["u"], lambda: (rename("u", "v"), write("a", "A"), sync("a"))),
    "write, unlink, fsync of the written": (["u"], lambda: (write("a", "A"), unlink("u"), sync("a"))),
    "fsync, unlink, fsync again": (["u"], lambda: (write("a", "A"), sync("a"), unlink("u"), sync("a"))),
    "truncate, then fsync of another": (["u"], lambda: (truncate("u", 0), write("a", "A"), sync("a"))),
    "grow, then fsync of another": (["u"], lambda: (truncate("u", 3), write("a", "A"), sync("a"))),
    "replace without fsync": (["f"], lambda: (write("t", "T"), rename("t", "f"), sync("."))),
    "replace with fsync": (["f"], lambda: (write("t", "T"), sync("t"), rename("t", "f"), sync("."))),
    "rename to a new name, without fsync": ([], lambda: (write("t", "T"), rename("t", "n"), sync("."))),
    "rename, then fsync of the file": (["f"], lambda: (write("t", "T"), rename("t", "f"), sync("f"))),
    "empty and write anew": (["f"], lambda: (write("f", "N", flags=os.O_TRUNC), sync("."))),
    "rename, overwrite, fsync of the file": (["f"], lambda: (rename("f", "g"), write("g", "N"), sync("g"))),
    "rename, overwrite, fdatasync of the file": (["f"], lambda: (rename("f", "g"), write("g", "N"), sync("g", os.fdatasync))),
    "rename, overwrite with O_SYNC": (["f"], lambda: (rename("f", "g"), write("g", "N", flags=os.O_SYNC))),
    "rename, overwrite with O_DSYNC": (["f"], lambda: (rename("f", "g"), write("g", "N", flags=os.O_DSYNC))),
    "rename, append, fdatasync of the file": (["f"], lambda: (rename("f", "g"), write("g", "A", 1), sync("g", os.fdatasync))),
    "fdatasync of a new file": ([], lambda: (create("b"), write("a", "A"), sync("a", os.fdatasync))),
    "link, then fdatasync of the file": (["f"], lambda: (create("b"), link("f", "g"), sync("f", os.fdatasync))),
    "create, then fdatasync of the directory": (["f"], lambda: (create("b"), unlink("f"), sync(".", os.fdatasync))),
    "append twice": (["f"], lambda: (write("f", "A", 1), write("f", "B", 2))),
    "append, fsync, append": (["f"], lambda: (write("f", "A", 1), sync("f"), write("f", "B", 2))),
    "append, then overwrite": (["f"], lambda: (write("f", "A", 1), write("f", "N"))),
    "append to two files": (["f", "g"], lambda: (write("f", "A", 1), write("g", "B", 1))),
    "append, then create": (["f"], lambda: (write("f", "A", 1), create("b"), sync("."))),
    "overwrite two pages": (["f", "g"], lambda: (write("f", "N"), write("g", "N"))),
    "write beyond the end": (["f"], lambda: (write("f", "A", 4), sync("f"), write("f", "B", 8))),
    "fsync in a new directory": ([], lambda: (mkdir("d"), write("d/a", "A"), sync("d/a"))),
    "fsync two directories down": ([], lambda: (mkdir("d"), mkdir("d/e"), create("b"), write("d/e/a", "A"), sync("d/e/a"))),
    "link, unlink, fsync of the directory": (["f"], lambda: (link("f", "g"), unlink("f"), sync("."))),
    "link, then fsync of the file": (["f"], lambda: (create("b"), link("f", "g"), sync("f"))),
    "rename a directory, fsync within": (["d/a"], lambda: (rename("d", "e"), write("e/a", "N"), sync("e/a"))),
    "three renames": (["a", "b"], lambda: (rename("a", "t"), rename("b", "a"), rename("t", "b"))),
    "create in order": ([], lambda: (create("a", "b", "c"), unlink("b"))),
}


def set_up(files):
    for path in ["z", *files]:
        if "/" in path:
            mkdir(os.path.dirname(path))
        write(path, "z" if path == "z" else "o")
        sync(path)
        if "/" in path:
            sync(os.path.dirname(path))
    sync(".")


def content(path):
    """How many blocks of which letter, and what is left of a block."""
    data, runs = open(path, "rb").read(), []
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        letter = chr(block[0]) if block.count(block[0]) == len(block) else "?"
        runs.append((letter if letter != "\0" else "0") + ("" if len(block) == BLOCK else str(len(block))))
    return "".join(runs)


def tree(folder):
    found = []
    for above, directories, files in os.walk(folder):
        at = os.path.relpath(above, folder)
        found += [os.path.normpath(os.path.join(at, name)) + "/" for name in directories if name != "lost+found"]
        found += [f"{os.path.normpath(os.path.join(at, name))}={content(os.path.join(above, name))}" for name in files]
    return " ".join(sorted(found))


if __name__ == "__main__":
    folder = sys.argv[-1]
    match sys.argv[1:-1]:
        case ["set-up", name]:
            set_up(PROGRAMS[name][0])
        case ["run", name]:
            PROGRAMS[name][1]()
            write("z", "Z")
            sync("z", os.fdatasync)
        case ["both", name]:
            set_up(PROGRAMS[name][0])
            PROGRAMS[name][1]()
            write("z", "Z")
            sync("z", os.fdatasync)
        case ["tree"]:
            print(tree(folder))
        case _:
            sys.exit(__doc__)
