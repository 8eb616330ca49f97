/* A disk and a wall clock that are not what they seem: preloaded into the server by tests/store.
 *
 * SHIM_SYNC_FAILS="n k": of all calls of fsync and fdatasync in the process since the file
 * SHIM_ARMED is there, the nth and the k - 1 behind it fail with EIO, as a disk reports an error.
 * SHIM_SYNCED=end: what a file holds when it is synced is copied to one whose name has this end:
 * that is what a loss of power leaves of it.
 * SHIM_BOOT_ID=path: the file that names the boot of the machine is this one.
 * SHIM_WALL_MS=n: the clock on the wall is n milliseconds ahead; it may be less than 0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int fails(void)
{
    static atomic_long calls;
    const char *text = getenv("SHIM_SYNC_FAILS"), *armed = getenv("SHIM_ARMED");
    long call, first = 0, many = 0;

    if (!text || !armed || access(armed, F_OK) != 0) {
        return 0;
    }
    call = atomic_fetch_add(&calls, 1) + 1;
    return sscanf(text, "%ld %ld", &first, &many) == 2 && call >= first
        && call < first + many;
}

/* A kill in the middle leaves the copy before: it gets its name when it is whole. */
static void keep(int fd)
{
    const char *end = getenv("SHIM_SYNCED");
    char link[64], path[PATH_MAX], made[PATH_MAX + 64], named[PATH_MAX + 64], piece[65536];
    struct stat status;
    ssize_t length;
    off_t at = 0;
    int copy;

    if (!end || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return;
    }
    path[length] = '\0';
    snprintf(made, sizeof made, "%s%s.new", path, end);
    snprintf(named, sizeof named, "%s%s", path, end);
    copy = (int)syscall(SYS_openat, AT_FDCWD, made, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while ((length = pread(fd, piece, sizeof piece, at)) > 0) {
        if (write(copy, piece, (size_t)length) != length) {
            abort();
        }
        at += length;
    }
    close(copy);
    if (rename(made, named) != 0) {
        abort();
    }
}

static int sync_by(long call, int fd)
{
    int outcome;

    if (fails()) {
        errno = EIO;
        return -1;
    }
    outcome = (int)syscall(call, fd);
    if (outcome == 0) {
        keep(fd);
    }
    return outcome;
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

int open64(const char *path, int flags, ...)
{
    const char *boot = getenv("SHIM_BOOT_ID");
    va_list more;
    int mode;

    va_start(more, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    if (boot && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) {
        path = boot;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int outcome = (int)syscall(SYS_clock_gettime, clock, at);
    const char *text = getenv("SHIM_WALL_MS");

    if (outcome == 0 && text && clock == CLOCK_REALTIME) {
        long long ms = atoll(text);
        at->tv_sec += ms / 1000;
    }
    return outcome;
}
