/*
 * task_shell.h - how bash runs a task's command: `bash -o pipefail -c TASK_SHELL bash COMMAND`.
 *
 * With pipefail a pipe fails when any of its parts does. But a part that was ended by SIGPIPE,
 * because those behind it have had enough (`grep x | head`), has not failed, and bash has no word
 * for that: it says 141 for the pipe. So COMMAND is evaluated, and only when it ends with 141 is
 * that looked into:
 *
 *   - The ERR trap notes the codes of a pipe's parts. It runs for a pipe whose failure is the
 *     result of its list; not for one that decides about others (`a | b && c`, `if a | b`). There
 *     141 left something undone, and stays what it is.
 *   - The DEBUG trap is set by the first, and forgets what was noted when another command begins.
 *     So what is noted at the end belongs to the last pipe. (The `read` of a loop is passed over:
 *     it never says 141.) Nothing costs anything before that.
 *   - A command that ended itself (exit, set -e, exec) never comes to the end of this.
 *
 * Then the code is that of the last part that failed otherwise, or 0; and 141 stays when the last
 * part of all was ended by SIGPIPE, since our end of its output was open, or when nothing was noted
 * (pipes in functions and in parentheses, traps of the command's own).
 */
#pragma once

#define TASK_SHELL                                                                               \
        "bdfs_next='case $BASH_COMMAND in \"eval \\\"\\$bdfs_command\\\"\" | bdfs_status=* | " \
        "read\\ * | IFS=*\\ read\\ *) ;; *) bdfs_parts=; trap - DEBUG ;; esac'\n"                 \
        "trap 'bdfs_now=${PIPESTATUS[*]}; case $bdfs_now in "                                    \
        "*\" \"*) bdfs_parts=$bdfs_now; trap \"$bdfs_next\" DEBUG ;; esac' ERR\n"                \
        "bdfs_command=$1 bdfs_parts=\n"                                                          \
        "shift\n"                                                                                \
        "eval \"$bdfs_command\"\n"                                                               \
        "bdfs_status=$? bdfs_ended=$bdfs_parts\n"                                                \
        "trap - DEBUG ERR\n"                                                                     \
        "[ $bdfs_status -eq 141 ] || exit $bdfs_status\n"                                        \
        "bdfs_failed=0 bdfs_last=141\n"                                                          \
        "for bdfs_last in $bdfs_ended; do\n"                                                     \
        "  case $bdfs_last in 0 | 141) ;; *) bdfs_failed=$bdfs_last ;; esac\n"                   \
        "done\n"                                                                                 \
        "[ $bdfs_last -ne 141 ] || exit 141\n"                                                   \
        "exit $bdfs_failed\n"
