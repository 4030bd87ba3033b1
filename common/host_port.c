#include "common/host_port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_MS 2000 /* for each of several addresses */

/* Digits alone: what is behind a colon. */
static bool parse_port(const char *text, uint16_t *ret)
{
        size_t n = strspn(text, "0123456789");
        unsigned long v = n == 0 || n > 5 || text[n] != '\0' ? 0 : strtoul(text, NULL, 10);

        *ret = (uint16_t)v;
        return v > 0 && v <= UINT16_MAX;
}

bool host_port_parse(const char *text, uint16_t fallback_port, char ret_host[HOST_NAME_BYTES],
                     uint16_t *ret_port)
{
        const char *host = text, *end, *rest;

        if (text[0] == '[') {
                host++;
                end = strchr(text, ']');
                rest = end == NULL ? "" : end + 1;
        } else {
                end = strchr(text, ':');
                if (end == NULL)
                        end = text + strlen(text);
                rest = end;
        }
        if (end == NULL || end == host || end - host >= HOST_NAME_BYTES)
                return false;
        *ret_port = fallback_port;
        if (rest[0] == '\0' && fallback_port == 0)
                return false;
        if (rest[0] != '\0' && (rest[0] != ':' || !parse_port(rest + 1, ret_port)))
                return false;
        (void)snprintf(ret_host, HOST_NAME_BYTES, "%.*s", (int)(end - host), host);
        return strcspn(ret_host, " \t/@") == strlen(ret_host);
}

/* The first that takes a connection; none does: the first, and using it will say why. */
static void pick(const struct os_addr *list, size_t n, int64_t deadline_ms, struct os_addr *ret)
{
        *ret = list[0];
        for (size_t i = 0; i < n; i++) {
                int64_t probe_ms = os_mono_ms() + PROBE_MS;
                struct os_sock *s;
                struct bdfs_err err;

                if (probe_ms > deadline_ms)
                        probe_ms = deadline_ms;
                if (os_connect(&s, &list[i], probe_ms, &err) != BDFS_OK)
                        continue;
                os_sock_close(s);
                *ret = list[i];
                return;
        }
}

enum bdfs_status host_port_resolve(const char *text, uint16_t fallback_port, int64_t deadline_ms,
                                   struct os_addr *ret, struct bdfs_err *err)
{
        struct os_addr list[OS_RESOLVE_MAX];
        char host[HOST_NAME_BYTES];
        uint16_t port;
        size_t n;

        if (!host_port_parse(text, fallback_port, host, &port))
                return bdfs_fail(err, BDFS_USAGE, "%.300s is not host:port", text);
        if (os_resolve(host, deadline_ms, list, &n, err) != BDFS_OK)
                return err->status;
        BDFS_ASSERT(n > 0 && n <= OS_RESOLVE_MAX);
        for (size_t i = 0; i < n; i++)
                list[i].port = port;
        if (n == 1)
                *ret = list[0];
        else
                pick(list, n, deadline_ms, ret);
        return BDFS_OK;
}
