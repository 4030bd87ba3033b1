/*
 * mount_help.h - what bdfs-mount takes, for its own --help and for that of `bdfs mount`
 * (common/help.h has the form).
 */
#pragma once

#define MOUNT_HELP_OPTIONS                                                                   \
        "--conf FILE\tclient.conf of the cluster ($BDFS_CONF and the usual places if not)\n" \
        "--uri URI\thdfs://host:port or bdfs://NAME\n"                                       \
        "--user NAME\tact as NAME for every operation, and serve only the mount's owner\n"   \
        "--timeout SECONDS\thow long an operation may take (30)\n"                           \
        "--log FILE\twhere the log goes once in the background (nowhere)\n"                  \
        "-o OPTION,...\toptions of mount(8) and fuse(8), such as ro\n"                       \
        "-f\tstay in the foreground, log to standard error\n"                                \
        "-v\tlog every failed operation\n"
#define MOUNT_HELP_TEXT                                                                      \
        "Goes to the background when it can be used. `bdfs umount DIR` ends it. A mount of "  \
        "root's acts for each calling user by name (`nobody' when the user has none); any "   \
        "other serves only its owner."
