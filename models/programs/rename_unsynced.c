/* Mistake: a file is replaced by renaming a new one over it, and the new one was never fsynced: the name can survive a crash
   without the bytes, so that neither the old value nor the new one is there. Mend: fsync the new file before the rename.
   Its files are in the folder `data` of the current folder. `rename_unsynced VARIANT` sets the value twice, and
   `rename_unsynced VARIANT recover` shows it; VARIANT is broken or mended. */
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

/* 0 if there is none. A new file that was not yet renamed is not looked at. */
static int read_value(void) {
    int value = 0;
    FILE *file = fopen("data/value", "r");
    if (file && fscanf(file, "value %d", &value) != 1) {
        fprintf(stderr, "data/value is damaged\n");
        exit(1);
    }
    if (file)
        fclose(file);
    return value;
}

static void write_value(int value, int mended) {
    int file = open("data/value.new", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(file >= 0 && dprintf(file, "value %d\n", value) > 0, "data/value.new");
    if (mended)
        must(fsync(file) == 0, "fsync");
    close(file);
    must(rename("data/value.new", "data/value") == 0, "rename");
    sync_directory();
}

int main(int count, char **arguments) {
    int mended = count > 1 && strcmp(arguments[1], "mended") == 0;
    int value = read_value();
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
