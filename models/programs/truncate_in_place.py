# Mistake: a file is replaced by truncating it and writing the new content to it. Between the two there is nothing, and no
# fsync helps. Mend: write a new file, and rename it over the old one when it is durable.
# Its files are in the folder `data` of the current folder. `truncate_in_place.py VARIANT` sets the value twice, and
# `truncate_in_place.py VARIANT recover` shows it; VARIANT is broken or mended.
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
    except ValueError:
        sys.exit(f"{VALUE} is damaged")


def write_value(value, mended):
    path = VALUE + ".new" if mended else VALUE
    with open(path, "w") as file:
        file.write(f"value {value}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(path, VALUE)
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
