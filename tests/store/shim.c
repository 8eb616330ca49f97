/* A disk and a wall clock that are not what they seem: preloaded into the server by tests/store.
 *
 * SHIM_SYNC_FAILS="n k": of all calls of fsync and fdatasync in the process since the file
 * SHIM_ARMED is there, the nth and the k - 1 behind it fail with EIO, as a disk reports an error.
 * SHIM_WALL_MS=n: the clock on the wall is n milliseconds ahead; it may be less than 0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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

int fsync(int fd)
{
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
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
