/* Mistake: a log is as long as its file, and its reader takes every record that the length covers. While a record is being
   appended, the new length can survive a crash without the record, which then reads as zeros. No fsync comes in between,
   because one write does both. Mend: the reader believes the checksum of a record and not the length.
   Its files are in the folder `data` of the current folder. `append_length VARIANT` appends two records, and
   `append_length VARIANT recover` shows all; VARIANT is broken or mended. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct record {
    char text[28];
    uint32_t checksum;
};

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

static uint32_t checksum(const struct record *record) {
    uint32_t sum = 1;
    for (size_t at = 0; at < sizeof record->text; at++)
        sum = sum * 31 + (unsigned char)record->text[at];
    return sum;
}

/* How many records there are. */
static int read_log(int log, int mended, int show) {
    struct record record;
    int records = 0;
    while (pread(log, &record, sizeof record, records * sizeof record) == sizeof record) {
        if (mended && record.checksum != checksum(&record))
            break;
        records++;
        if (show)
            printf("record %d: %.28s\n", records, record.text);
    }
    return records;
}

int main(int count, char **arguments) {
    int mended = count > 1 && strcmp(arguments[1], "mended") == 0;
    if (count > 2) {
        int log = open("data/log", O_RDONLY);
        printf("%d records\n", log < 0 ? 0 : read_log(log, mended, 1));
        return 0;
    }
    int log = open("data/log", O_RDWR | O_CREAT, 0644);
    must(log >= 0, "data/log");
    sync_directory();
    int records = read_log(log, mended, 0);
    for (int last = records + 2; records < last;) {
        struct record record = {{0}, 0};
        snprintf(record.text, sizeof record.text, "paid %d", (records + 1) * 100);
        record.checksum = checksum(&record);
        must(pwrite(log, &record, sizeof record, records * sizeof record) == sizeof record, "write");
        must(fsync(log) == 0, "fsync");
        dprintf(1, "ok %d\n", ++records);
    }
    return 0;
}
