/* Mistake: a file is replaced by links instead of a rename: the old name is unlinked, the new file linked to it, and its
   temporary name unlinked. Recovery takes the temporary name if the other is not there, but nothing has ordered the link
   before the second unlink, so that both names can be gone. Mend: fsync the directory between the two.
   Its files are in the folder `data` of the current folder. `link_swap VARIANT` sets the value twice, and
   `link_swap VARIANT recover` shows it; VARIANT is broken or mended. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(int well, const char *what) {
    if (!well) {
        perror(what);
        exit(1);
    }
}

static void sync_directory(void) {
    int directory = open("data", O_RDONLY | O_DIRECTORY);
    must(directory >= 0 && fsync(directory) == 0, "data");
    close(directory);
}

/* 0 if there is no whole value. */
static int read_value(const char *path) {
    int value = 0;
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "value %d", &value) != 1)
        value = 0;
    if (file)
        fclose(file);
    return value;
}

static void swap(int mended) {
    must(link("data/value.new", "data/value") == 0, "link");
    if (mended)
        sync_directory();
    must(unlink("data/value.new") == 0, "unlink");
    sync_directory();
}

/* Ends a swap that a crash has interrupted, and throws away a new file that was not yet to be swapped. */
static int recover(void) {
    if (access("data/value", F_OK) != 0 && read_value("data/value.new") != 0)
        swap(1);
    unlink("data/value.new");
    return read_value("data/value");
}

static void write_value(int value, int mended) {
    int file = open("data/value.new", O_WRONLY | O_CREAT | O_EXCL, 0644);
    must(file >= 0 && dprintf(file, "value %d\n", value) > 0 && fsync(file) == 0, "data/value.new");
    close(file);
    sync_directory();
    unlink("data/value");
    swap(mended);
}

int main(int count, char **arguments) {
    int mended = count > 1 && strcmp(arguments[1], "mended") == 0;
    int value = recover();
    if (count > 2) {
        printf("value %d\n", value);
        return 0;
    }
    for (int last = value + 2; value < last;) {
        write_value(++value, mended);
        dprintf(1, "ok %d\n", value);
    }
    return 0;
}
