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
SIM_ONLY := $(wildcard common/os_sim*.c)
LINUX_ONLY := $(wildcard common/os_linux*.c)
SHARED := $(filter-out $(SIM_ONLY) $(LINUX_ONLY),$(wildcard common/*.c)) $(wildcard proto/*.c net/*.c)
CLIENT_LIB := $(filter-out client/main.c client/cmd_%.c client/cli_%.c,$(wildcard client/*.c))
CLIENT_CLI := $(wildcard client/main.c client/cmd_*.c client/cli_*.c)
part = $(filter-out $(1)/main.c $(1)/%_main.c,$(wildcard $(1)/*.c))

PROGS := bdfs bdfs-namenode bdfs-datanode bdfs-mount bdfs-agent
all: $(PROGS:%=$(O)/%) ## build the programs into build/

gen_obj = $(GEN_C:.c=.o)
$(O)/libshared.a: $(call obj,$(SHARED)) $(gen_obj)
$(O)/liblinux.a: $(call obj,$(LINUX_ONLY))
$(O)/libsim.a: $(call obj,$(SIM_ONLY))
$(O)/libclient.a: $(call obj,$(CLIENT_LIB))
$(O)/libnamenode.a: $(call obj,$(call part,namenode))
$(O)/libdatanode.a: $(call obj,$(call part,datanode))
$(O)/libexec.a: $(call obj,$(call part,exec))
$(O)/libfuse.a: $(call obj,$(call part,fuse))
# What others link with: the functions of client/bdfs.h, and no other name of ours.
SOVERSION := 0
VERSION := $(shell sed -n 's/^\#define BDFS_VERSION "\(.*\)"/\1/p' common/limits.h)
LIB_OBJ := $(call obj,$(filter-out client/cluster% client/decode.c,$(CLIENT_LIB)) $(SHARED) $(LINUX_ONLY)) $(gen_obj)
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
$(O)/%.a:
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

BASE := $(O)/libshared.a $(O)/liblinux.a
# By a rename: whoever runs a program while it is made again has the old one or the new one.
link = $(Q)echo "  LINK $@" && $(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS) $(1) -o $@.new && mv $@.new $@
$(O)/bdfs-namenode: $(O)/namenode/main.o $(O)/libnamenode.a $(BASE)
	$(call link)
$(O)/bdfs-datanode: $(O)/datanode/main.o $(O)/libdatanode.a $(BASE)
	$(call link)
$(O)/bdfs: $(call obj,$(CLIENT_CLI)) $(O)/libexec.a $(O)/libclient.a $(BASE)
	$(call link)
$(O)/bdfs-agent: $(O)/exec/agent_main.o $(O)/libexec.a $(O)/libclient.a $(BASE)
	$(call link)
$(O)/bdfs-mount: $(O)/fuse/main.o $(O)/libfuse.a $(O)/libclient.a $(BASE)
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

# Unit tests: one cmocka program a file, linked with everything (the real seam). A file whose name
# starts with test_sim_ or test_os_sim is linked with the simulator instead.
UNIT := $(basename $(notdir $(wildcard tests/unit/test_*.c)))
UNIT_SIM := $(filter test_sim_% test_os_sim%,$(UNIT))
TEST_LIB := $(call obj,$(wildcard tests/lib/*.c))
EVERY := $(O)/libnamenode.a $(O)/libdatanode.a $(O)/libexec.a $(O)/libclient.a $(O)/libshared.a
$(UNIT_SIM:%=$(O)/tests/%): $(O)/tests/%: $(O)/tests/unit/%.o $(TEST_LIB) $(EVERY) $(O)/libsim.a
	$(call link,-lcmocka)
$(filter-out $(UNIT_SIM:%=$(O)/tests/%),$(UNIT:%=$(O)/tests/%)): $(O)/tests/%: $(O)/tests/unit/%.o $(TEST_LIB) $(EVERY) $(O)/liblinux.a
	$(call link,-lcmocka)
# Programs whose allocations can be made to fail (tests/unit/fault_alloc.h).
comma := ,
$(patsubst %,$(O)/tests/%,$(filter test_no_memory%,$(UNIT))): override LDFLAGS += \
        $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc reallocarray strdup strndup)
# Threads that cannot start.
$(O)/tests/test_datanode_pipeline: override LDFLAGS += -Wl,--wrap=os_thread_start
TOOLS := $(basename $(notdir $(wildcard tests/tools/*.c)))
$(TOOLS:%=$(O)/tests/%): $(O)/tests/%: $(O)/tests/tools/%.o $(TEST_LIB) $(EVERY) $(O)/liblinux.a
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
