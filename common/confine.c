#include "common/confine.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPABILITIES_MAX 64 /* that the kernel's calls can name */

void confine_capabilities(uint64_t keep)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        if (syscall(SYS_capget, &head, data) != 0)
                return;
        for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
                uint32_t part = (uint32_t)(keep >> (32 * i));

                data[i].permitted &= part;
                data[i].effective &= part;
                data[i].inheritable = 0;
        }
        (void)syscall(SYS_capset, &head, data); /* to have fewer is always allowed */
}

/* A process that is not dumpable leaves no core, also where cores go into a pipe, and cannot be
 * traced by others of its user. Leak detection traces itself. */
static void hide_memory(void)
{
        struct rlimit none = {0, 0};

        (void)setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void confine(uint64_t keep)
{
        (void)umask(077);
        hide_memory();
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        for (unsigned long c = 0; c < CAPABILITIES_MAX; c++)
                (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0); /* not root, or no such one */
        confine_capabilities(keep);
}
