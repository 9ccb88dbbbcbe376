/* Mistake: a file is changed through a mapping, and unmapped and closed without an msync. Both hand the pages to the kernel,
   and neither waits for the device. Mend: msync with MS_SYNC before the change is acknowledged.
   Its files are in the folder `data` of the current folder. `mmap_unsynced VARIANT` sets the value twice, and
   `mmap_unsynced VARIANT recover` shows it; VARIANT is broken or mended. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 4096 };

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

/* 0 if there is none: the file is not there, or nothing was ever stored in it. */
static int read_value(void) {
    int value = 0;
    FILE *file = fopen("data/value", "r");
    if (file && fscanf(file, "value %d", &value) != 1)
        value = 0;
    if (file)
        fclose(file);
    return value;
}

static void make_room(void) {
    int file = open("data/value", O_RDWR | O_CREAT, 0644);
    must(file >= 0 && ftruncate(file, SIZE) == 0 && fsync(file) == 0, "data/value");
    close(file);
    sync_directory();
}

static void write_value(int value, int mended) {
    int file = open("data/value", O_RDWR);
    must(file >= 0, "data/value");
    char *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    must(page != MAP_FAILED, "mmap");
    snprintf(page, SIZE, "value %d\n", value);
    if (mended)
        must(msync(page, SIZE, MS_SYNC) == 0, "msync");
    munmap(page, SIZE);
    close(file);
}

int main(int count, char **arguments) {
    int mended = count > 1 && strcmp(arguments[1], "mended") == 0;
    int value = read_value();
    if (count > 2) {
        printf("value %d\n", value);
        return 0;
    }
    make_room();
    for (int last = value + 2; value < last;) {
        write_value(++value, mended);
        dprintf(1, "ok %d\n", value);
    }
    return 0;
}
