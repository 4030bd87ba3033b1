/*
 * Thousands of random operations of three users on the tables and on a naive tree in memory: the
 * same answers, the same tree, the same totals; and the records that changed something, replayed
 * with other batch boundaries, give the same tables byte for byte.
 */
#include "tests/unit/namenode/test_apply_naive.h"

/* ---- operations ----------------------------------------------------------------------------- */

static void expect(enum bdfs_status rc, bool ok, const char *what, const char *path)
{
        if ((rc == BDFS_OK) != ok)
                fail_msg("%s %s: expected %s, got %s", what, path, ok ? "success" : "a refusal",
                         rc == BDFS_OK ? "success" : kit.err.text);
        assert_true(rc == BDFS_OK || !kit.changed);
}

static unsigned random_mode(void)
{
        static const unsigned modes[] = {0777, 0755, 0700, 01777, 0770, 0750, 0777, 0777};

        return modes[pick(8)];
}

static void op_mkdirs(int user)
{
        struct place p = random_place(false);
        unsigned mode = random_mode();
        struct node *n = target(&p);
        bool ok = walkable(user, &p) && (n != NULL ? n->dir : may(user, last_above(&p), 2));

        expect(do_mkdirs(users[user], p.text, mode, true), ok, "mkdirs", p.text);
        if (!ok || n != NULL)
                return;
        make_above(&p, user, mode);
        put_at(&p, node_new(true, user, p.at[p.n - 1], mode));
}

static void write_file(int user, const struct place *p, uint64_t inode, const char *holder,
                       uint64_t length, bool close)
{
        struct at_block last = {0};

        for (uint64_t left = length; left > 0;) {
                uint64_t n = left < 1024 ? left : 1024;

                OK(do_add_block(users[user], p->text, inode, holder, last));
                last = got(n);
                left -= n;
        }
        if (close)
                ANSWERS(do_complete(users[user], p->text, inode, holder, last), true);
        else if (length > 0)
                OK(do_fsync(&ROOT, p->text, holder, (int64_t)last.length));
}

static void op_create(int user)
{
        struct place p = random_place(false);
        struct node *n = target(&p), *file;
        bool overwrite = pick(2) == 0, close = pick(4) != 0, ok = walkable(user, &p);
        uint64_t length = pick(3) == 0 ? 0 : pick(3000), inode;
        char holder[32];

        (void)snprintf(holder, sizeof(holder), "holder%d", ++holders);
        ok = ok && (p.n == 0 || may(user, last_above(&p), 2));
        ok = ok && (n == NULL || (!n->dir && overwrite && may(user, n, 2)));
        expect(do_create(users[user], p.text, (struct creation){.holder = holder, .mode = 0666,
                                                                .overwrite = overwrite}),
               ok, "create", p.text);
        if (!ok)
                return;
        inode = kit.result->inode;
        write_file(user, &p, inode, holder, length, close);
        make_above(&p, user, last_above(&p)->mode);
        node_free(n);
        file = node_new(false, user, p.at[p.n - 1], 0666);
        file->length = length;
        file->open = !close;
        file->holder = holders;
        put_at(&p, file);
}

static void op_delete(int user)
{
        struct place p = random_place(false);
        struct node *n = target(&p), *parent = p.n > 0 ? p.at[p.n - 1] : NULL;
        bool recursive = pick(8) == 0, ok = walkable(user, &p), value;

        if (p.n > 0 && n != NULL)
                ok = ok && !sticky(user, parent, n);
        if (parent != NULL)
                ok = ok && may(user, parent, 2);
        if (n != NULL)
                ok = ok && tree_allows(user, n, 7, true, true);
        if (n != NULL && n->dir && !node_empty(n))
                ok = ok && recursive;
        value = n != NULL && p.n > 0;
        expect(do_delete(users[user], p.text, recursive), ok, "delete", p.text);
        if (!ok)
                return;
        assert_int_equal(kit.result->value, value);
        if (!value)
                return;
        put_at(&p, NULL);
        node_free(n);
}

static bool is_under(const struct node *n, const struct node *above)
{
        for (; n != NULL; n = n->parent)
                if (n == above)
                        return true;
        return false;
}

static bool rename_rights(int user, const struct place *from, const struct place *to)
{
        struct node *n = target(from), *parent = from->n > 0 ? from->at[from->n - 1] : NULL;

        if (!walkable(user, from) || !walkable(user, to))
                return false;
        if (parent != NULL && ((n != NULL && sticky(user, parent, n)) || !may(user, parent, 2)))
                return false;
        return to->n == 0 || may(user, last_above(to), 2);
}

static void op_rename(int user)
{
        struct place from = random_place(pick(2) == 0), to = random_place(pick(2) == 0);
        struct node *n = target(&from), *over = target(&to);
        bool overwrite = pick(2) == 0, same = strcmp(from.text, to.text) == 0;
        bool ok = rename_rights(user, &from, &to) && n != NULL && from.n > 0 && to.n > 0 && !same;

        ok = ok && !(n != NULL && is_under(to.at[0] == NULL ? NULL : last_above(&to), n));
        ok = ok && (over == NULL || (over->dir == n->dir && overwrite &&
                                     !(over->dir && !node_empty(over))));
        ok = ok && to.at[to.n - 1] != NULL;
        expect(do_rename(users[user], from.text, to.text, false, overwrite), ok, "rename2",
               from.text);
        if (!ok)
                return;
        node_free(over);
        put_at(&from, NULL);
        put_at(&to, n);
}

static void op_old_rename(int user)
{
        struct place from = random_place(false), to = random_place(false);
        struct node *n = target(&from);
        char asked[sizeof(to.text)];
        bool ok, value;

        if (from.n == 0)
                return;
        memcpy(asked, to.text, sizeof(asked));
        ok = walkable(user, &from) && walkable(user, &to);
        if (ok && target(&to) != NULL && target(&to)->dir) {
                to.name[to.n++] = from.name[from.n - 1];
                locate(&to);
        }
        ok = ok && rename_rights(user, &from, &to);
        value = ok && n != NULL;
        if (value && strcmp(from.text, to.text) != 0)
                value = !is_under(last_above(&to), n) && target(&to) == NULL &&
                        to.at[to.n - 1] != NULL;
        expect(do_rename(users[user], from.text, asked, true, false), ok, "rename", from.text);
        if (!ok)
                return;
        assert_int_equal(kit.result->value, value);
        if (!value || strcmp(from.text, to.text) == 0)
                return;
        put_at(&from, NULL);
        put_at(&to, n);
}

static void op_chmod(int user)
{
        struct place p = random_place(false);
        struct node *n = target(&p);
        unsigned mode = random_mode();
        bool ok = walkable(user, &p) && n != NULL && (user == 0 || n->owner == user);

        if (p.n == 0)
                return;
        expect(do_chmod(users[user], p.text, mode), ok, "chmod", p.text);
        if (ok)
                n->mode = mode;
}

static void op_chown(int user)
{
        static const char *const names[] = {"root", "alice", "bob"};
        struct place p = random_place(false);
        struct node *n = target(&p);
        int owner = (int)pick(3);
        bool ok = walkable(user, &p) && n != NULL && (user == 0 || n->owner == user);

        if (p.n == 0)
                return;
        ok = ok && (user == 0 || owner == user);
        expect(do_chown(users[user], p.text, names[owner], "staff"), ok, "chown", p.text);
        if (ok) {
                n->owner = owner;
                n->group = 3;
        }
}

static void op_file(int user)
{
        struct place p = random_place(true);
        struct node *n = target(&p);
        bool ok = walkable(user, &p) && n != NULL && !n->dir && may(user, n, 2) && !n->open;
        uint64_t length = pick(3000);
        char holder[32];

        switch (pick(3)) {
        case 0:
                ok = ok && length <= n->length;
                expect(do_truncate(users[user], p.text, length, "t"), ok, "truncate", p.text);
                if (ok)
                        n->length = length;
                return;
        case 1:
                (void)snprintf(holder, sizeof(holder), "holder%d", ++holders);
                expect(do_append(users[user], p.text, holder, false), ok, "append", p.text);
                if (ok) {
                        write_file(user, &p, kit.result->inode, holder, length, true);
                        n->length += length;
                }
                return;
        default:
                ok = walkable(user, &p) && (n == NULL || may(user, n, 2));
                expect(do_setrep(users[user], p.text, 1 + (unsigned)length % 4), ok, "setrep",
                       p.text);
                if (ok && n != NULL && !n->dir)
                        n->replication = 1 + (unsigned)length % 4;
                return;
        }
}

static void op_close(int user)
{
        struct place p = random_place(true);
        struct node *n = target(&p);
        char holder[32];

        (void)user;
        if (n == NULL || n->dir || !n->open)
                return;
        (void)snprintf(holder, sizeof(holder), "holder%d", n->holder);
        if (n->length > 0) {
                struct extent e;
                struct block b;

                OK(extents_last(kit.t, inode_of(p.text), &e, &kit.err));
                OK(table_get_block(kit.t, e.block, &b, &kit.err));
                ANSWERS(do_complete(&ROOT, p.text, 0, holder,
                                    (struct at_block){b.id, b.stamp, b.length}), true);
        } else {
                ANSWERS(do_complete(&ROOT, p.text, 0, holder, (struct at_block){0}), true);
        }
        n->open = false;
}

static void op_concat(int user)
{
        struct place a = random_place(true), b;
        struct node *to, *from;
        const char *sources[1];
        bool ok;

        if (a.n == 0)
                return;
        b = a;
        b.name[b.n - 1] = (int)pick(NAMES);
        locate(&b);
        to = target(&a);
        from = target(&b);
        sources[0] = b.text;
        ok = walkable(user, &a) && to != NULL && !to->dir && may(user, to, 2) && !to->open &&
             from != NULL && !from->dir && from != to && !from->open && from->length > 0 &&
             may(user, from, 4) && may(user, a.at[a.n - 1], 2) &&
             !sticky(user, a.at[a.n - 1], from);
        expect(do_concat(users[user], a.text, sources, 1), ok, "concat", a.text);
        if (!ok)
                return;
        to->length += from->length;
        put_at(&b, NULL);
        node_free(from);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static void sum(const struct node *n, struct total *to)
{
        to->directories += n->dir;
        to->files += !n->dir;
        to->bytes += n->length;
        to->space += n->length * n->replication;
        for (int i = 0; i < NAMES; i++)
                if (n->child[i] != NULL)
                        sum(n->child[i], to);
}

static void compare_summary(const char *path, const struct node *n)
{
        struct path p = {.text = path, .n = strlen(path)};
        struct ns_summary s;
        struct total want = {0};

        sum(n, &want);
        for (int user = 0; user < 3; user++) {
                const struct ns_caller who = caller_of(users[user]);
                struct place at = {0};
                enum bdfs_status rc = ns_content_summary(kit.t, &who, &p, &s, &kit.err);
                bool ok;

                for (size_t i = 1; i < p.n; i += 2)
                        at.name[at.n++] = path[i] - 'a';
                locate(&at);
                ok = walkable(user, &at) && tree_allows(user, n, 5, false, false);
                assert_int_equal(rc == BDFS_OK, ok);
                if (ok)
                        assert_memory_equal(&s.total, &want, sizeof(want));
        }
}

static size_t compare_tree(const char *path, const struct node *n)
{
        static const char *const names[] = {"root", "alice", "bob", "staff"};
        struct ns_status s;
        size_t count = 1;

        if (!stat_of(path, &s))
                fail_msg("%s is missing", path);
        assert_int_equal(s.type == INODE_DIRECTORY, n->dir);
        assert_string_equal(s.owner, names[n->owner]);
        assert_string_equal(s.group, n->group == 3 ? "staff" : "supergroup");
        assert_int_equal(s.length, n->length);
        assert_int_equal(s.mode, n->mode);
        assert_int_equal(s.open, n->open);
        if (!n->dir)
                assert_int_equal(s.replication, n->replication);
        if (n->dir && pick(3) == 0)
                compare_summary(path, n);
        for (int i = 0; i < NAMES; i++) {
                char below[2 * DEEPEST];

                if (n->child[i] == NULL)
                        continue;
                (void)snprintf(below, sizeof(below), "%s/%c", strlen(path) > 1 ? path : "",
                               'a' + i);
                count += compare_tree(below, n->child[i]);
        }
        return count;
}

static void compare_all(void)
{
        struct ns_stats stats;

        kit_check(); /* flushes */
        OK(ns_stats(kit.t, &stats, &kit.err));
        assert_int_equal(compare_tree("/", root), stats.files + stats.directories);
}

/* ---- the runs ------------------------------------------------------------------------------- */

static void step(void)
{
        static void (*const ops[])(int user) = {
                op_mkdirs, op_mkdirs, op_create, op_create, op_create, op_create, op_delete,
                op_rename, op_rename, op_old_rename, op_chmod, op_chown, op_file, op_file,
                op_file, op_close, op_concat, op_concat,
        };

        kit.now += (int64_t)pick(3);
        ops[pick(sizeof(ops) / sizeof(ops[0]))]((int)pick(3));
        if (pick(10) == 0)
                (void)do_slice(1 + pick(5));
}

static void run(uint64_t with_seed, int steps)
{
        seed = with_seed;
        kit_open();
        kit_log_begin();
        root = node_new(true, 0, NULL, 0755);
        OK(do_chmod(&ROOT, "/", 0777));
        root->mode = 0777;
        for (int i = 0; i < steps; i++) {
                step();
                if (pick(20) == 0)
                        kit_commit();
                if (pick(50) == 0)
                        compare_all();
        }
        while (do_slice(7) > 0)
                ;
        compare_all();
        node_free(root);
}

static void random_operations_agree_with_a_naive_tree(void **state)
{
        (void)state;
        for (uint64_t s = 1; s <= 6; s++) {
                run(s, 4000);
                kit_close();
        }
}

static void the_same_records_give_the_same_tables(void **state)
{
        struct kit_digest first, again;

        (void)state;
        run(99, 2000);
        first = kit_digest();
        for (uint64_t batch = 1; batch <= 1000; batch *= 10) {
                kit_replay(batch);
                again = kit_digest();
                assert_memory_equal(&first, &again, sizeof(first));
        }
        kit_close();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(random_operations_agree_with_a_naive_tree),
                cmocka_unit_test(the_same_records_give_the_same_tables),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
