/* test_apply_files.h - what test_apply_kit.h has, and files of Alice's in /o. */
#pragma once

#include "tests/unit/namenode/test_apply_kit.h"

static struct at_block UNUSED last_block(const char *path)
{
        struct extent e;
        struct block b;

        OK(extents_last(kit.t, inode_of(path), &e, &kit.err));
        OK(table_get_block(kit.t, e.block, &b, &kit.err));
        return (struct at_block){b.id, b.stamp, b.length};
}

static struct block UNUSED block_of(uint64_t id)
{
        struct block b;

        OK(table_get_block(kit.t, id, &b, &kit.err));
        return b;
}

static int UNUSED setup_o(void **state)
{
        (void)setup(state);
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/d", 0755, false));
        make_file(&ALICE, "/o/f", 3000, (struct creation){0});
        make_file(&ALICE, "/o/e", 0, (struct creation){0});
        kit_commit();
        return 0;
}
