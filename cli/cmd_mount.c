#include "cli/cmd_mount.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

#define UMOUNT_WAIT_MS 40000 /* a daemon's last operations may take their time-out */
#define DAEMONS_MAX 16
#define SAID_BYTES 400

/* ---- which mounts there are ------------------------------------------------------------------ */

/* "\040" and its like in a field of mountinfo, in place. */
static void unescape(char *s)
{
        char *to = s;

        for (; *s != '\0'; s++) {
                if (s[0] == '\\' && isdigit((unsigned char)s[1]) && isdigit((unsigned char)s[2]) &&
                    isdigit((unsigned char)s[3])) {
                        *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 3;
                } else {
                        *to++ = *s;
                }
        }
        *to = '\0';
}

/* Is a bdfs mounted at exactly this place, and not below something newer? */
static bool is_mounted(const char *path)
{
        FILE *f = fopen("/proc/self/mountinfo", "re");
        AUTO_FREE char *line = NULL;
        size_t room = 0;
        bool found = false;

        if (f == NULL)
                return false;
        while (getline(&line, &room, f) > 0) {
                char *type = strstr(line, " - "), *at = line;

                for (unsigned field = 0; field < 4 && at != NULL; field++) {
                        at = strchr(at, ' ');
                        at = at == NULL ? NULL : at + 1;
                }
                if (at == NULL || type == NULL || at > type)
                        continue;
                type += 3;
                at[strcspn(at, " ")] = '\0';
                unescape(at);
                if (strcmp(at, path) == 0)
                        found = strncmp(type, "fuse.bdfs ", 10) == 0;
        }
        (void)fclose(f);
        return found;
}

/* The absolute path of a directory that may be a mount whose daemon is dead. */
static char *absolute(const char *dir)
{
        char *path = realpath(dir, NULL), *parent, *base, *joined = NULL;
        AUTO_FREE char *copy = NULL;

        if (path != NULL || (errno != ENOTCONN && errno != EIO && errno != ETIMEDOUT))
                return path;
        copy = strdup(dir);
        if (copy == NULL)
                return NULL;
        for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
                copy[n - 1] = '\0';
        base = strrchr(copy, '/');
        if (base != NULL)
                *base++ = '\0';
        parent = realpath(base == NULL ? "." : copy[0] == '\0' ? "/" : copy, NULL);
        if (parent != NULL &&
            asprintf(&joined, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent,
                     base == NULL ? copy : base) < 0)
                joined = NULL;
        free(parent);
        return joined;
}

/* ---- mount ----------------------------------------------------------------------------------- */

/* "/somewhere/bdfs-mount" when this program is /somewhere/bdfs. */
static const char *beside(char room[PATH_MAX + 16])
{
        ssize_t n = readlink("/proc/self/exe", room, PATH_MAX - 1);
        char *slash;

        if (n <= 0)
                return "bdfs-mount";
        room[n] = '\0';
        slash = strrchr(room, '/');
        if (slash == NULL)
                return "bdfs-mount";
        (void)snprintf(slash + 1, 16, "bdfs-mount");
        return room;
}

static int run_mount(struct cli *cli, int argc, char **argv)
{
        char room[PATH_MAX + 16], seconds[32];
        const struct bdfs_options *o = &cli->options;
        const char *program = beside(room);
        struct bdfs_err err;
        char **list = calloc((size_t)argc + 10, sizeof(*list));
        size_t n = 0;

        if (list == NULL) {
                (void)bdfs_fail(&err, BDFS_NO_MEMORY, "no memory");
                cli_error(cli, &err);
                return cli_exit(cli);
        }
        list[n++] = (char *)(uintptr_t)program;
        if (o->conf != NULL)
                list[n++] = (char *)(uintptr_t)"--conf", list[n++] = (char *)(uintptr_t)o->conf;
        if (o->uri != NULL)
                list[n++] = (char *)(uintptr_t)"--uri", list[n++] = (char *)(uintptr_t)o->uri;
        if (o->user != NULL)
                list[n++] = (char *)(uintptr_t)"--user", list[n++] = (char *)(uintptr_t)o->user;
        (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)(o->timeout_ms + 999) / 1000);
        if (o->timeout_ms > 0)
                list[n++] = (char *)(uintptr_t)"--timeout", list[n++] = seconds;
        for (int i = 1; i < argc; i++)
                list[n++] = argv[i];
        if (!cli->pipe_ignored) /* as it was: exec keeps what is ignored */
                (void)signal(SIGPIPE, SIG_DFL);
        (void)execvp(program, list);
        (void)bdfs_fail_errno(&err, errno, "%s", program);
        free(list);
        cli_error(cli, &err);
        return cli_exit(cli);
}

/* Is the argument after this one its value? */
static bool takes_value(const char *option)
{
        static const char *const list[] = {"-o", "--conf", "--uri", "--user", "--timeout", "--log"};

        for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
                if (strcmp(option, list[i]) == 0)
                        return true;
        }
        return false;
}

/* The place to mount at by its whole name, which is how umount knows its daemon; NULL: there is
 * none, or it does not exist. */
static char *resolve_operand(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                char *path;

                if (takes_value(argv[i]))
                        i++;
                else if (argv[i][0] != '-') {
                        path = absolute(argv[i]);
                        if (path != NULL)
                                argv[i] = path;
                        return path;
                }
        }
        return NULL;
}

int cmd_mount(struct cli *cli, int argc, char **argv)
{
        AUTO_FREE char *path = NULL;
        struct bdfs_err err;

        if (argc < 2)
                return cli_usage(cli, "a directory to mount at is needed");
        path = resolve_operand(argc, argv);
        if (path != NULL && is_mounted(path)) {
                (void)bdfs_fail(&err, BDFS_EXISTS, "`%s': a bdfs is mounted there already", path);
                cli_error_hint(cli, &err, "End it first: bdfs umount DIR");
                return cli_exit(cli);
        }
        return run_mount(cli, argc, argv);
}

/* ---- umount ---------------------------------------------------------------------------------- */

/* Is process @pid a bdfs-mount of this place? */
static bool is_daemon_of(const char *pid, const char *path)
{
        char name[300], line[4096];
        const char *argument;
        size_t n;
        FILE *f;

        (void)snprintf(name, sizeof(name), "/proc/%s/cmdline", pid);
        f = fopen(name, "re");
        if (f == NULL)
                return false;
        n = fread(line, 1, sizeof(line) - 1, f);
        (void)fclose(f);
        line[n] = '\0';
        if (n == 0 || strstr(line, "bdfs-mount") == NULL)
                return false;
        for (argument = line; argument < line + n; argument += strlen(argument) + 1) {
                if (strcmp(argument, path) == 0)
                        return true;
        }
        return false;
}

static size_t find_daemons(const char *path, char ret[DAEMONS_MAX][16])
{
        DIR *proc = opendir("/proc");
        const struct dirent *e;
        size_t n = 0;

        while (proc != NULL && n < DAEMONS_MAX && (e = readdir(proc)) != NULL) {
                if (isdigit((unsigned char)e->d_name[0]) && strlen(e->d_name) < 16 &&
                    is_daemon_of(e->d_name, path))
                        (void)snprintf(ret[n++], 16, "%s", e->d_name);
        }
        if (proc != NULL)
                (void)closedir(proc);
        return n;
}

/* What was written is complete when the daemon has ended. */
static enum bdfs_status wait_for_end(char pids[DAEMONS_MAX][16], size_t n, const char *path,
                                     struct bdfs_err *err)
{
        int64_t deadline = os_mono_ms() + UMOUNT_WAIT_MS;

        for (size_t i = 0; i < n; i++) {
                while (is_daemon_of(pids[i], path)) {
                        if (os_mono_ms() >= deadline)
                                return bdfs_fail(err, BDFS_TIMEOUT, "`%s' is unmounted, but its "
                                                 "daemon, process %s, still works (as long as "
                                                 "another mount namespace, such as a container's, "
                                                 "has the mount)", path, pids[i]);
                        os_sleep_ms(10);
                }
        }
        return BDFS_OK;
}

/* fusermount3 runs; what it says goes to @said, one line. Its exit status; -1: it did not run. */
static int run_fusermount(const char *path, bool lazy, char said[SAID_BYTES])
{
        int ends[2], status = -1;
        size_t n = 0;
        ssize_t got;
        pid_t child;

        said[0] = '\0';
        if (pipe2(ends, O_CLOEXEC) != 0)
                return -1;
        child = fork();
        if (child == 0) {
                (void)dup2(ends[1], STDERR_FILENO);
                (void)execlp("fusermount3", "fusermount3", lazy ? "-uz" : "-u", "--", path,
                             (char *)NULL);
                _exit(127);
        }
        (void)close(ends[1]);
        while (n < SAID_BYTES - 1) {
                got = read(ends[0], said + n, SAID_BYTES - 1 - n);
                if (got == 0 || (got < 0 && errno != EINTR))
                        break;
                n += got < 0 ? 0 : (size_t)got;
        }
        said[n] = '\0';
        said[strcspn(said, "\n")] = '\0';
        (void)close(ends[0]);
        while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Its own words are the reason; only what can be done about them is ours to say. */
static enum bdfs_status by_fusermount(const char *path, bool lazy, struct bdfs_err *err)
{
        char said[SAID_BYTES];
        int status = run_fusermount(path, lazy, said);

        if (status == 0)
                return BDFS_OK;
        if (status == 127)
                return bdfs_fail(err, BDFS_FAILED, "fusermount3 is not installed (package fuse3)");
        if (strstr(said, "busy") != NULL)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "`%s': files are open there (%s)", path,
                                 said);
        if (access("/etc/mtab", F_OK) != 0)
                return bdfs_fail(err, BDFS_FAILED, "`%s': %s: it needs /etc/mtab, which is missing "
                                 "here (as root: ln -s ../proc/self/mounts /etc/mtab)", path, said);
        return bdfs_fail(err, BDFS_FAILED, "`%s': %s", path,
                         said[0] == '\0' ? "fusermount3 failed and did not say why" : said);
}

static enum bdfs_status unmount(const char *path, bool lazy, struct bdfs_err *err)
{
        if (geteuid() != 0)
                return by_fusermount(path, lazy, err);
        if (umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
                return BDFS_OK;
        if (errno == EBUSY)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "`%s': files are open there", path);
        return bdfs_fail_errno(err, errno, "`%s'", path);
}

static void umount_one(struct cli *cli, const char *dir, bool lazy)
{
        AUTO_FREE char *path = absolute(dir);
        char pids[DAEMONS_MAX][16];
        struct bdfs_err err;
        enum bdfs_status rc;
        size_t n;

        if (path == NULL) {
                (void)bdfs_fail_errno(&err, errno, "`%s'", dir);
                cli_error(cli, &err);
                return;
        }
        if (!is_mounted(path)) {
                (void)bdfs_fail(&err, BDFS_NOT_FOUND, "`%s': no bdfs is mounted there", dir);
                cli_error_hint(cli, &err, NULL);
                return;
        }
        n = find_daemons(path, pids);
        rc = unmount(path, lazy, &err);
        if (rc == BDFS_UNAVAILABLE) {
                cli_error_hint(cli, &err, "Close them, or: bdfs umount -l DIR");
                return;
        }
        if (rc == BDFS_OK && !lazy)
                rc = wait_for_end(pids, n, path, &err);
        if (rc != BDFS_OK)
                cli_error(cli, &err);
        else
                cli_done(cli);
}

int cmd_umount(struct cli *cli, int argc, char **argv)
{
        bool lazy = false;
        const struct cli_option table[] = {{"l", &lazy, NULL}, {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, table, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        for (int i = 0; i < argc; i++)
                umount_one(cli, argv[i], lazy);
        return cli_exit(cli);
}
