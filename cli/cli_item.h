/*
 * cli_item.h - an operand of a command: a name in a cluster or on this machine, and what is there.
 *
 * text is what people see: what they typed, or what their pattern became (relative patterns give
 * relative names, full uris give full uris). path is where it is.
 *
 * Owner:   an item owns its strings; cli_item_fini() frees them, of zeros too.
 * Threads: an item belongs to one thread.
 * Errors:  texts as FsShell has them: "`/p': No such file or directory".
 */
#pragma once

#include "cli/cli.h"

struct cli_item {
        struct bdfs *fs;      /* NULL: on this machine */
        char *text;
        char *path;           /* absolute in a cluster; as typed on this machine */
        bool exists;
        struct bdfs_stat st;  /* when it exists */
        uint64_t device;      /* with st.inode the identity of a local one */
        bool special;         /* a local pipe, device or socket: no size, not to be replaced */
};
void cli_item_fini(struct cli_item *it);

/* A typed remote path as it stands, no pattern. A missing one is fine: exists is false. */
enum bdfs_status cli_item_remote(struct cli *cli, const char *typed, struct cli_item *ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* A typed local path (file:// may stand before it). */
enum bdfs_status cli_item_local(const char *typed, struct cli_item *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The same name with @suffix. */
enum bdfs_status cli_item_suffix(const struct cli_item *it, const char *suffix,
                                 struct cli_item *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* @name in the directory @dir. @look: ask whether it exists. */
enum bdfs_status cli_item_child(const struct cli_item *dir, const char *name, bool look,
                                struct cli_item *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Look again. */
enum bdfs_status cli_item_refresh(struct cli_item *it, struct bdfs_err *err) BDFS_MUST_CHECK;

/* Calls @each with every entry of @dir, in order of names, a page at a time; stops at the first
 * status that is not OK. */
typedef enum bdfs_status cli_item_each(void *arg, struct cli_item *child, struct bdfs_err *err);
enum bdfs_status cli_item_children(const struct cli_item *dir, cli_item_each *each, void *arg,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;

bool cli_item_is_directory(const struct cli_item *it); /* it exists and is one */
bool cli_item_looks_like_directory(const struct cli_item *it); /* its text ends with / or . or .. */
/* The last component; "" of the root. Freed by the caller. */
char *cli_item_name(const struct cli_item *it);
enum bdfs_status cli_item_parent_exists(const struct cli_item *it, bool *ret,
                                        struct bdfs_err *err) BDFS_MUST_CHECK;

/* "`text': why", with the words FsShell uses for this status. */
enum bdfs_status cli_item_fail(const struct cli_item *it, enum bdfs_status status,
                               struct bdfs_err *err);
/* NOT_FOUND, with the full name where it differs: for names that were to be made. */
enum bdfs_status cli_item_fail_full(const struct cli_item *it, struct bdfs_err *err);
/* What to do when this one is missing: for a home directory how to make it, else nothing. @room is
 * the caller's. */
const char *cli_item_hint(const struct cli_item *it, char room[400]);
/* A library's failure about this item: NOT_FOUND and its like get the item's text. */
enum bdfs_status cli_item_reword(const struct cli_item *it, struct bdfs_err *err);

/* ---- operands -------------------------------------------------------------------------------- */

struct cli_items {
        struct cli_item *list;
        size_t n, room;
};
void cli_items_fini(struct cli_items *l);
enum bdfs_status cli_items_add(struct cli_items *l, struct cli_item *it, struct bdfs_err *err)
        BDFS_MUST_CHECK; /* takes what @it owns, also when it fails */

/* What a typed remote pattern matches, by name. Without wildcards exactly one item, which may not
 * exist; a pattern that matches nothing gives none. */
enum bdfs_status cli_expand(struct cli *cli, const char *typed, struct cli_items *ret,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
/* All operands; patterns that match nothing are said to be missing (cli_error). False when nothing
 * at all could be looked up. */
void cli_expand_all(struct cli *cli, int n, char **typed, struct cli_items *ret);

/* ---- trees ----------------------------------------------------------------------------------- */

/* @visit each operand and, when @recursive, everything below: a directory before its entries. What
 * fails is said (cli_error) and not descended into; what does not is counted (cli_done). */
typedef enum bdfs_status cli_visit(void *arg, struct cli_item *it, struct bdfs_err *err);
void cli_walk(struct cli *cli, struct cli_item *top, bool recursive, cli_visit *visit, void *arg);
/* All operands of a verb: expands, says what is missing, walks the rest. Returns the exit code. */
int cli_walk_all(struct cli *cli, int n, char **typed, bool recursive, cli_visit *visit, void *arg);
