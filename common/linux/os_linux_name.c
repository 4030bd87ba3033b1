/* Names of hosts: the resolver has no deadline of its own, so it is asked in the background. */
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "common/os.h"

struct question {
        struct gaicb request;
        struct addrinfo hints;
        char name[];
};

static struct question *question_new(const char *name)
{
        struct question *q = calloc(1, sizeof(*q) + strlen(name) + 1);

        if (q == NULL)
                return NULL;
        memcpy(q->name, name, strlen(name) + 1);
        q->hints.ai_socktype = SOCK_STREAM;
        q->request.ar_name = q->name;
        q->request.ar_request = &q->hints;
        return q;
}

/* One that the resolver still works on is its own until the process ends. */
static void question_free(struct question *q)
{
        if (gai_error(&q->request) == EAI_INPROGRESS && gai_cancel(&q->request) != EAI_CANCELED)
                return;
        if (q->request.ar_result != NULL)
                freeaddrinfo(q->request.ar_result);
        free(q);
}

static int wait_for(struct question *q, int64_t deadline_ms)
{
        const struct gaicb *list[] = {&q->request};
        int64_t left_ms;

        while (gai_error(&q->request) == EAI_INPROGRESS &&
               (left_ms = deadline_ms - os_mono_ms()) > 0) {
                const struct timespec left = {.tv_sec = (time_t)(left_ms / 1000),
                                              .tv_nsec = (long)(left_ms % 1000) * 1000000};

                (void)gai_suspend(list, 1, &left);
        }
        return gai_error(&q->request);
}

static bool take(const struct addrinfo *a, struct os_addr *ret)
{
        const void *from = a->ai_family == AF_INET
                                   ? (const void *)&((struct sockaddr_in *)a->ai_addr)->sin_addr
                                   : (const void *)&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr;

        *ret = (struct os_addr){.port = 0};
        return (a->ai_family == AF_INET || a->ai_family == AF_INET6) &&
               inet_ntop(a->ai_family, from, ret->host, sizeof(ret->host)) != NULL;
}

static bool is_known(const struct os_addr *list, size_t n, const char *host)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(list[i].host, host) == 0)
                        return true;
        }
        return false;
}

/* An address needs no resolver, nor the thread that asks it. */
static bool is_address(const char *name, struct os_addr *ret)
{
        struct in6_addr bytes;
        int family = inet_pton(AF_INET, name, &bytes) == 1 ? AF_INET : AF_INET6;

        *ret = (struct os_addr){.port = 0};
        return inet_pton(family, name, &bytes) == 1 &&
               inet_ntop(family, &bytes, ret->host, sizeof(ret->host)) != NULL;
}

enum bdfs_status os_resolve(const char *name, int64_t deadline_ms,
                            struct os_addr ret[OS_RESOLVE_MAX], size_t *ret_n,
                            struct bdfs_err *err)
{
        struct question *q;
        struct gaicb *list[1];
        size_t n = 0;
        int rc;

        if (is_address(name, &ret[0])) {
                *ret_n = 1;
                return BDFS_OK;
        }
        q = question_new(name);
        if (q == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        list[0] = &q->request;
        rc = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
        if (rc == 0)
                rc = wait_for(q, deadline_ms);
        if (rc == EAI_INPROGRESS) {
                question_free(q);
                return bdfs_fail(err, BDFS_TIMEOUT, "the name service did not say in time where "
                                 "host %s is", name);
        }
        for (const struct addrinfo *a = q->request.ar_result;
             rc == 0 && a != NULL && n < OS_RESOLVE_MAX; a = a->ai_next) {
                if (take(a, &ret[n]) && !is_known(ret, n, ret[n].host))
                        n++;
        }
        question_free(q);
        if (n == 0)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "host %s: %s", name,
                                 rc == 0 ? "it has no address" : gai_strerror(rc));
        *ret_n = n;
        return BDFS_OK;
}
