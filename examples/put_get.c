/*
 * put_get.c - a file into the cluster and back again, with libbdfs:
 *      cc put_get.c $(pkg-config --cflags --libs bdfs) -o put_get && ./put_get LOCAL PATH COPY
 */
#include <bdfs.h>
#include <stdio.h>

static struct bdfs_err err;

static enum bdfs_status put(struct bdfs *fs, FILE *from, const char *path)
{
        struct bdfs_create options = {.overwrite = true};
        struct bdfs_file *f;
        char bytes[65536];
        size_t n;

        if (bdfs_create(fs, path, &options, &f, &err) != BDFS_OK)
                return err.status;
        while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0) {
                if (bdfs_write(f, bytes, n, &err) != BDFS_OK)
                        return bdfs_abandon(f), err.status;
        }
        return bdfs_close(f, &err); /* durable when this answers BDFS_OK */
}

static enum bdfs_status get(struct bdfs *fs, const char *path, FILE *to)
{
        struct bdfs_err ignored;
        struct bdfs_file *f;
        char bytes[65536];
        size_t n = 0;

        if (bdfs_open(fs, path, &f, &err) != BDFS_OK)
                return err.status;
        while (bdfs_read(f, bytes, sizeof(bytes), &n, &err) == BDFS_OK && n > 0)
                (void)fwrite(bytes, 1, n, to);
        return bdfs_close(f, &ignored) == BDFS_OK ? err.status : ignored.status;
}

int main(int argc, char **argv)
{
        FILE *from = argc == 4 ? fopen(argv[1], "rb") : NULL;
        FILE *to = from != NULL ? fopen(argv[3], "wb") : NULL;
        struct bdfs *fs = NULL;

        if (to == NULL)
                return fprintf(stderr, "usage: put_get LOCAL PATH COPY\n"), 2;
        if (bdfs_connect(&fs, NULL, &err) != BDFS_OK || put(fs, from, argv[2]) != BDFS_OK ||
            get(fs, argv[2], to) != BDFS_OK || fclose(to) != 0)
                return fprintf(stderr, "put_get: %s\n", err.text), bdfs_status_exit(err.status);
        bdfs_disconnect(fs);
        return 0;
}
