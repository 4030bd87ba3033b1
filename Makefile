# One Makefile, not recursive. Everything lands in build/; nothing is downloaded by a build.
#   V=1 shows commands; CC=clang; SAN=address|thread builds into build-$(SAN)/.

MAKEFLAGS += --no-builtin-rules
SAN ?=
O := build$(addprefix -,$(SAN))
CC := gcc
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
Q := $(if $(V),,@)

PKGS := libprotobuf-c lmdb liblz4 libisal inih jansson openssl zlib libzstd liblzma
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu17 -D_GNU_SOURCE -I. -I$(O)/gen -MMD -MP \
        -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wformat=2 -Wno-format-nonliteral -Werror -fno-common -fstack-protector-strong \
        -fPIC -fno-semantic-interposition
ifeq ($(findstring clang,$(CC)),)
override CFLAGS += -Wno-format-truncation
else
override CFLAGS += -Wno-missing-field-initializers # rows of tables leave out what is zero; gcc allows it
endif
ifeq ($(SAN),)
override CFLAGS += -D_FORTIFY_SOURCE=2
override LDFLAGS += -Wl,-z,relro,-z,now
endif
ifeq ($(SAN),address)
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
endif
ifeq ($(SAN),thread)
override CFLAGS += -fsanitize=thread
override LDFLAGS += -fsanitize=thread
endif
override LDFLAGS += -pie
LDLIBS = $(shell pkg-config --libs $(PKGS)) -lbz2 -lpthread

PROTO := $(wildcard proto/*.proto)
GEN_C := $(PROTO:%.proto=$(O)/gen/%.pb-c.c)
GEN_H := $(GEN_C:.c=.h)

obj = $(patsubst %.c,$(O)/%.o,$(1))
gen_obj = $(GEN_C:.c=.o)

# A folder is a room with one contract and one archive (docs/architecture.md); a program is the archives
# that it needs, users before what they use.
ROOMS := common common/linux common/sim proto net client cluster cli fuse \
        namenode namenode/serve namenode/blocks namenode/commit namenode/apply namenode/tree \
        namenode/journal namenode/store datanode datanode/link datanode/transfer datanode/disk \
        exec/agent exec/driver exec/task exec/records
room_c = $(filter-out %_main.c,$(wildcard $(1)/*.c))
room = $(O)/lib/$(subst /,-,$(1)).a
define ROOM
$(call room,$(1)): $(call obj,$(call room_c,$(1)))
endef
$(foreach r,$(ROOMS),$(eval $(call ROOM,$(r))))
$(call room,proto): $(gen_obj)
$(O)/lib/%.a:
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
BASE := $(foreach r,net proto common,$(call room,$(r)))
LINUX := $(call room,common/linux)
CLIENT := $(call room,client)
EXEC := $(foreach r,exec/agent exec/driver exec/task exec/records,$(call room,$(r)))
NAMENODE := $(foreach r,$(filter namenode%,$(ROOMS)),$(call room,$(r)))
DATANODE := $(foreach r,$(filter datanode%,$(ROOMS)),$(call room,$(r)))

PROGS := bdfs bdfs-namenode bdfs-datanode bdfs-mount bdfs-agent
all: $(PROGS:%=$(O)/%) ## build the programs into build/

# What others link with: the functions of client/bdfs.h, and no other name of ours.
SOVERSION := 0
VERSION := $(shell sed -n 's/^\#define BDFS_VERSION "\(.*\)"/\1/p' common/limits.h)
LIB_OBJ := $(call obj,$(foreach r,client net proto common common/linux,$(call room_c,$(r)))) $(gen_obj)
library: $(O)/libbdfs.so.$(VERSION) $(O)/libbdfs.a $(O)/bdfs.h $(O)/bdfs.pc ## libbdfs, its header and bdfs.pc into build/
$(O)/libbdfs.so.$(VERSION): $(LIB_OBJ) client/libbdfs.map Makefile
	$(Q)echo "  LINK $@" && $(CC) $(CFLAGS) $(filter-out -pie,$(LDFLAGS)) -shared -Wl,-soname,libbdfs.so.$(SOVERSION) \
		-Wl,--version-script=client/libbdfs.map -Wl,-z,defs -Wl,--as-needed $(LIB_OBJ) $(LDLIBS) -o $@.new && mv $@.new $@
$(O)/libbdfs.a: $(LIB_OBJ) client/libbdfs.map Makefile
	$(Q)echo "  AR   $@" && $(LD) -r -o $(O)/libbdfs.o $(LIB_OBJ) && \
		sed -n 's/^ *\(bdfs_[a-z_]*\);$$/\1/p' client/libbdfs.map >$(O)/libbdfs.names && \
		objcopy --keep-global-symbols=$(O)/libbdfs.names $(O)/libbdfs.o && \
		rm -f $@ && $(AR) rcs $@ $(O)/libbdfs.o
$(O)/bdfs.h: client/bdfs.h common/status.h
	$(Q)sed -e '/^#include "common\/status.h"$$/ {' -e 'r common/status.h' -e 'd' -e '}' client/bdfs.h >$@
$(O)/bdfs.pc: packaging/bdfs.pc.in common/limits.h FORCE
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' packaging/bdfs.pc.in >$@
# Manual pages and completion: the programs print them, from what --help prints.
pages: $(O)/man/made ## manual pages and bash completion into build/man
$(O)/man/made: $(PROGS:%=$(O)/%) packaging/completion.bash
	@mkdir -p $(O)/man
	$(Q)rm -f $(O)/man/* && $(O)/bdfs --man >$(O)/man/bdfs.1 && $(O)/bdfs --man bdfs.conf >$(O)/man/bdfs.conf.5 && \
		for v in $$($(O)/bdfs --verbs); do $(O)/bdfs --man $$v >$(O)/man/bdfs-$$v.1 || exit 1; done && \
		for p in $(filter bdfs-%,$(PROGS)); do $(O)/$$p --man >$(O)/man/$$p.8 || exit 1; done && \
		{ $(O)/bdfs --completion && cat packaging/completion.bash; } >$(O)/man/bdfs.bash && touch $@
# By a rename: whoever runs a program while it is made again has the old one or the new one.
link = $(Q)echo "  LINK $@" && $(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS) $(1) -o $@.new && mv $@.new $@
$(O)/bdfs-namenode: $(O)/namenode/namenode_main.o $(NAMENODE) $(BASE) $(LINUX)
	$(call link)
$(O)/bdfs-datanode: $(O)/datanode/datanode_main.o $(DATANODE) $(BASE) $(LINUX)
	$(call link)
$(O)/bdfs: $(O)/cli/bdfs_main.o $(call room,cli) $(call room,cluster) $(EXEC) $(CLIENT) $(BASE) $(LINUX)
	$(call link)
$(O)/bdfs-agent: $(O)/exec/agent/agent_main.o $(EXEC) $(CLIENT) $(BASE) $(LINUX)
	$(call link)
$(O)/bdfs-mount: $(O)/fuse/mount_main.o $(call room,fuse) $(CLIENT) $(BASE) $(LINUX)
	$(call link,$(shell pkg-config --libs fuse3))
$(O)/fuse/%.o: override CFLAGS += $(shell pkg-config --cflags fuse3)

$(O)/gen/%.pb-c.c $(O)/gen/%.pb-c.h &: %.proto
	@mkdir -p $(O)/gen
	$(Q)protoc-c --c_out=$(O)/gen $<
$(O)/gen/%.o: $(O)/gen/%.c
	$(Q)$(CC) $(filter-out -Werror -Wconversion -Wshadow,$(CFLAGS)) -w -c $< -o $@
$(O)/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(Q)echo "  CC   $<" && $(CC) $(CFLAGS) -c $< -o $@

# Unit tests: one cmocka program a file, linked with everything (the real seam). Those of tests/sim and
# of the simulator itself (test_os_sim*) are linked with the simulator instead.
UNIT_C := $(wildcard tests/unit/*/test_*.c tests/sim/test_*.c)
UNIT := $(basename $(notdir $(UNIT_C)))
UNIT_SIM := $(basename $(notdir $(wildcard tests/sim/test_*.c tests/unit/*/test_os_sim*.c)))
TEST_LIB := $(call obj,$(wildcard tests/lib/*.c))
EVERY := $(NAMENODE) $(DATANODE) $(EXEC) $(CLIENT) $(BASE)
define UNIT_PROGRAM
$(O)/tests/$(basename $(notdir $(1))): $(call obj,$(1)) $(TEST_LIB) $(EVERY) \
        $(if $(filter $(UNIT_SIM),$(basename $(notdir $(1)))),$(call room,common/sim),$(LINUX))
	$$(call link,-lcmocka)
endef
$(foreach c,$(UNIT_C),$(eval $(call UNIT_PROGRAM,$(c))))
# Programs whose allocations can be made to fail (tests/lib/fault_alloc.h).
comma := ,
$(patsubst %,$(O)/tests/%,$(filter test_no_memory%,$(UNIT))): override LDFLAGS += \
        $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc reallocarray strdup strndup)
# Threads that cannot start.
$(O)/tests/test_datanode_pipeline: override LDFLAGS += -Wl,--wrap=os_thread_start
TOOLS := $(basename $(notdir $(wildcard tests/tools/*.c)))
$(TOOLS:%=$(O)/tests/%): $(O)/tests/%: $(O)/tests/tools/%.o $(TEST_LIB) $(EVERY) $(LINUX)
	$(call link)
unit-programs: $(UNIT:%=$(O)/tests/%)
tools: $(TOOLS:%=$(O)/tests/%)

include Makefile.tests

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1: /p' Makefile Makefile.tests
clean: ## remove what was built
	rm -rf build build-address build-thread build-fuzz build-fuzz-coverage

-include $(shell find build* -name '*.d' 2>/dev/null)
FORCE:
.PHONY: all help clean unit-programs tools library pages FORCE
.DEFAULT_GOAL := all
.SECONDARY:
