/*
 * test_apply_naive.h - a tree in memory, as simple as can be: what test_apply_model.c compares the
 * tables with. Names are single letters.
 */
#pragma once

#include "tests/unit/namenode/test_apply_kit.h"

#define NAMES 4
#define DEPTH 4
#define DEEPEST 100             /* renames make the tree deeper than what is asked for */

struct node {
        bool dir;
        int owner, group;        /* 0 root, 1 alice, 2 bob; groups: 0 supergroup, 3 staff */
        unsigned mode, replication;
        uint64_t length;
        bool open;
        int holder;
        struct node *child[NAMES];
        struct node *parent;
};

static struct node *root;
static uint64_t seed;
static int holders;

static unsigned pick(unsigned n)
{
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        return (unsigned)(seed >> 33) % n;
}

static const struct as *const users[] = {&ROOT, &ALICE, &BOB};

/* ---- the naive tree ------------------------------------------------------------------------- */

static struct node *node_new(bool dir, int owner, struct node *parent, unsigned mode)
{
        struct node *n = calloc(1, sizeof(*n));

        assert_non_null(n);
        n->dir = dir;
        n->owner = owner;
        n->group = parent != NULL ? parent->group : 0;
        n->mode = mode & 01777;
        n->parent = parent;
        n->replication = 2;
        return n;
}

static void node_free(struct node *n)
{
        for (int i = 0; n != NULL && i < NAMES; i++)
                node_free(n->child[i]);
        free(n);
}

static bool node_empty(const struct node *n)
{
        for (int i = 0; i < NAMES; i++)
                if (n->child[i] != NULL)
                        return false;
        return true;
}

static bool may(int user, const struct node *n, unsigned access)
{
        unsigned bits = n->mode & 7;

        if (user == 0)
                return true;
        if (user == n->owner)
                bits = n->mode >> 6 & 7;
        else if (n->group == 3) /* staff: both are in it */
                bits = n->mode >> 3 & 7;
        return (bits & access) == access;
}

static bool sticky(int user, const struct node *dir, const struct node *child)
{
        return user != 0 && (dir->mode & 01000) && dir->owner != user && child->owner != user;
}

struct place {
        int name[DEEPEST];
        int n;                   /* names */
        struct node *at[DEEPEST + 1]; /* at[0] is the root; NULL from the first missing on */
        char text[2 * DEEPEST + 2];
};

static void locate(struct place *p)
{
        size_t at = 0;

        memset(p->at, 0, sizeof(p->at));
        p->at[0] = root;
        for (int i = 0; i < p->n; i++) {
                p->text[at++] = '/';
                p->text[at++] = (char)('a' + p->name[i]);
                if (p->at[i] != NULL && p->at[i]->dir)
                        p->at[i + 1] = p->at[i]->child[p->name[i]];
        }
        if (at == 0)
                p->text[at++] = '/';
        p->text[at] = '\0';
}

/* Mostly along names that are there; @file: and to a file, if there is one. */
static struct place random_place(bool file)
{
        struct place p = {.n = (int)pick(DEPTH + 1)};
        struct node *at = root;

        for (int i = 0; i < p.n || (file && at != NULL && at->dir && i < 2 * DEPTH); i++) {
                p.name[i] = (int)pick(NAMES);
                for (int k = 0; k < NAMES && at != NULL && pick(4) != 0; k++)
                        if (at->child[(p.name[i] + k) % NAMES] != NULL) {
                                p.name[i] = (p.name[i] + k) % NAMES;
                                break;
                        }
                at = at != NULL ? at->child[p.name[i]] : NULL;
                p.n = i + 1 > p.n ? i + 1 : p.n;
                if (file && at != NULL && !at->dir)
                        p.n = i + 1;
        }
        locate(&p);
        return p;
}

static struct node *target(const struct place *p) { return p->at[p->n]; }

static struct node *last_above(const struct place *p)
{
        int i = p->n - 1;

        while (i > 0 && p->at[i] == NULL)
                i--;
        return i < 0 ? NULL : p->at[i];
}

static bool walkable(int user, const struct place *p)
{
        for (int i = 0; i < p->n && p->at[i] != NULL; i++)
                if (!p->at[i]->dir || !may(user, p->at[i], 1))
                        return false;
        return true;
}

static void put_at(const struct place *p, struct node *n)
{
        p->at[p->n - 1]->child[p->name[p->n - 1]] = n;
        if (n != NULL)
                n->parent = p->at[p->n - 1];
}

static void make_above(struct place *p, int user, unsigned mode)
{
        for (int i = 1; i < p->n; i++) {
                if (p->at[i] != NULL)
                        continue;
                p->at[i] = node_new(true, user, p->at[i - 1], (mode & 0777) | 0300);
                p->at[i - 1]->child[p->name[i - 1]] = p->at[i];
        }
}

static bool tree_allows(int user, const struct node *n, unsigned access, bool ignore_empty,
                        bool with_sticky)
{
        if (!n->dir || user == 0)
                return true;
        if (!(ignore_empty && node_empty(n))) {
                if (!may(user, n, access))
                        return false;
                for (int i = 0; with_sticky && i < NAMES; i++)
                        if (n->child[i] != NULL && sticky(user, n, n->child[i]))
                                return false;
        }
        for (int i = 0; i < NAMES; i++)
                if (n->child[i] != NULL &&
                    !tree_allows(user, n->child[i], access, ignore_empty, with_sticky))
                        return false;
        return true;
}
