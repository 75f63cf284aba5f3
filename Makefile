# SPDX-License-Identifier: GPL-2.0-or-later
#
# make                builds build/memtrace, without root
# sudo make check     sets up, builds, runs lint and every test
# sudo make check-vm  the live tests on other kernels, under QEMU (KERNELS='6.12 sid': on these)
# sudo make demo      sets up, builds, shows a report of tests/workloads/demo.c
# make lint format unit workloads live bench fuzz install clean
#
# V=1 shows the commands. DEBUG=1 and SANITIZE=1 build in directories of their own.
# CC, CFLAGS, LDFLAGS, CLANG, BPFTOOL, PKG_CONFIG, PREFIX and DESTDIR mean what they usually do.

VERSION := 0.1.0

PREFIX ?= /usr/local
CLANG ?= clang
PKG_CONFIG ?= pkg-config
INSTALL ?= install
# Debian keeps bpftool in /usr/sbin, which is not in an ordinary user's PATH.
BPFTOOL ?= $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool 2>/dev/null),bpftool)
CFLAGS ?=
LDFLAGS ?=

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

ifeq ($(SANITIZE),1)
O := build/sanitize
MODE_FLAGS := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(DEBUG),1)
O := build/debug
MODE_FLAGS := -O0 -g3
else
O := build
MODE_FLAGS := -O2
endif

MACHINE := $(shell uname -m)
# As bpf_tracing.h names the architectures.
ARCH := $(shell echo $(MACHINE) | sed -e 's/x86_64/x86/' -e 's/i.86/x86/' -e 's/aarch64/arm64/' \
	-e 's/arm\(v.*\|eb\)/arm/' -e 's/ppc64.*/powerpc/' -e 's/mips.*/mips/' -e 's/riscv64/riscv/' \
	-e 's/loongarch.*/loongarch/' -e 's/s390x/s390/')

# What is missing is for scripts/setup --check to tell.
PKGS := libbpf jansson libzstd
pkg = $(shell $(PKG_CONFIG) $(1) 2>/dev/null)
PKG_CFLAGS := $(call pkg,--cflags $(PKGS))
PKG_LIBS := $(or $(call pkg,--libs $(PKGS)),-lbpf -ljansson -lzstd) -liberty -lm
TEST_CFLAGS := $(call pkg,--cflags cmocka)
TEST_LIBS := $(or $(call pkg,--libs cmocka),-lcmocka)

WARNINGS := -Wall -Wextra -Werror
USER_CPPFLAGS := -Iuser -Iinclude -Ibuild/gen -DMEMTRACE_VERSION='"$(VERSION)"' -D_GNU_SOURCE
USER_CFLAGS := -std=gnu17 $(WARNINGS) -g $(MODE_FLAGS) $(USER_CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS)
USER_LDFLAGS := $(MODE_FLAGS) $(LDFLAGS)
# A BPF program names every argument of its hook. linux/bpf.h wants asm/types.h, which Debian
# keeps in a directory by architecture.
BPF_CFLAGS := -std=gnu17 $(WARNINGS) -Wno-unused-parameter -Wno-sign-compare -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) \
	-Ivmlinux -Iinclude -Ibpf $(call pkg,--cflags libbpf) \
	-idirafter /usr/include/$(MACHINE)-linux-gnu
WORKLOAD_CFLAGS := -std=gnu17 $(WARNINGS) -O1 -g -pthread -D_GNU_SOURCE

# Every list is made here: a $(wildcard) in a pattern rule would expand to nothing.
BPF_SRCS := $(sort $(wildcard bpf/*.bpf.c))
USER_SRCS := $(sort $(wildcard user/*.c user/*/*.c user/*/*/*.c))
WORKLOAD_COMMON := $(wildcard tests/workloads/common.c)
WORKLOAD_SRCS := $(filter-out $(WORKLOAD_COMMON),$(sort $(wildcard tests/workloads/*.c)))
# Those whose stacks are looked at, once more: with frame pointers, which -O1 leaves out.
WORKLOAD_FP_NAMES := badaccess-fp stackover-fp recurse-fp
# And linked statically: its file has no index of what it says of frames.
WORKLOAD_STATIC_NAMES := recurse-static
UNIT_SRCS := $(sort $(wildcard tests/unit/*.c))
REPLAY_SRCS := $(sort $(wildcard tests/replay/*.c))
LIVE_SRCS := $(sort $(wildcard tests/bpf/*.c))
FUZZ_SRCS := $(sort $(wildcard tests/fuzz/*.c))

BPF_OBJS := $(BPF_SRCS:bpf/%.bpf.c=build/bpf/%.bpf.o)
USER_OBJS := $(USER_SRCS:%.c=$(O)/obj/%.o)
LIB_OBJS := $(filter-out $(O)/obj/user/main.o,$(USER_OBJS))
WORKLOAD_COMMON_OBJ := $(WORKLOAD_COMMON:%.c=build/obj-workloads/%.o)
WORKLOAD_OBJS := $(WORKLOAD_SRCS:%.c=build/obj-workloads/%.o) \
	$(WORKLOAD_FP_NAMES:%=build/obj-workloads/tests/workloads/%.o) \
	$(WORKLOAD_STATIC_NAMES:%=build/obj-workloads/tests/workloads/%.o)
WORKLOADS := $(WORKLOAD_SRCS:tests/workloads/%.c=build/workloads/%) \
	$(WORKLOAD_FP_NAMES:%=build/workloads/%) $(WORKLOAD_STATIC_NAMES:%=build/workloads/%)
UNIT_OBJS := $(UNIT_SRCS:%.c=$(O)/obj/%.o)
REPLAY_OBJS := $(REPLAY_SRCS:%.c=$(O)/obj/%.o)
LIVE_OBJS := $(LIVE_SRCS:%.c=$(O)/obj/%.o)
# What the fuzzers have found is replayed with the unit tests.
UNIT_SHARED_OBJS := $(filter-out $(O)/obj/tests/unit/test_%,$(UNIT_OBJS)) \
	$(O)/obj/tests/fuzz/drive.o
# They look a report up as the live tests do.
REPLAY_SHARED_OBJS := $(filter-out $(O)/obj/tests/replay/test_%,$(REPLAY_OBJS)) \
	$(O)/obj/tests/bpf/live_report.o
LIVE_SHARED_OBJS := $(filter-out $(O)/obj/tests/bpf/test_%,$(LIVE_OBJS))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(filter tests/unit/test_%,$(UNIT_SRCS))) \
	$(patsubst tests/replay/%.c,$(O)/replay/%,$(filter tests/replay/test_%,$(REPLAY_SRCS)))
LIVE_TESTS := $(patsubst tests/bpf/%.c,$(O)/live/%,$(filter tests/bpf/test_%,$(LIVE_SRCS)))
# Of the user program a fuzzer links what a recording goes through, built by clang.
# gcc does not ask for a last field that is 0.
FUZZ_CFLAGS := -std=gnu17 $(WARNINGS) -Wno-missing-field-initializers -g -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_USER_SRCS := $(filter-out user/source/%,$(filter $(addprefix user/,base/% event/% recording/% \
	model/% report/% render/%),$(USER_SRCS))) user/source/file.c
FUZZ_OBJS := $(FUZZ_SRCS:%.c=build/fuzz/obj/%.o) $(FUZZ_USER_SRCS:%.c=build/fuzz/obj/%.o)
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(filter tests/fuzz/fuzz_%,$(FUZZ_SRCS)))
SKEL := build/gen/memtrace.skel.h
MAN_PAGES := doc/memtrace.8 doc/memtrace-recording.5

DEPS := $(patsubst %.o,%.d,$(sort $(BPF_OBJS) $(USER_OBJS) $(UNIT_OBJS) $(UNIT_SHARED_OBJS) \
	$(LIVE_OBJS) $(REPLAY_OBJS) $(REPLAY_SHARED_OBJS) $(WORKLOAD_OBJS) $(WORKLOAD_COMMON_OBJ) \
	$(FUZZ_OBJS)))

.PHONY: all bpf check check-vm demo lint format install clean workloads unit live bench fuzz deps \
	test-deps fuzz-deps unit-programs live-programs fuzzers FORCE
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

all: $(O)/memtrace

bpf: $(SKEL)

# Says in one line each what is missing. Order-only everywhere: it makes nothing out of date.
deps:
	@CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' PKG_CONFIG='$(PKG_CONFIG)' \
		scripts/setup --check build

test-deps: | deps
	@PKG_CONFIG='$(PKG_CONFIG)' scripts/setup --check test

fuzz-deps: | deps
	@CLANG='$(CLANG)' scripts/setup --check fuzz

# A change of the compiler or of its flags rebuilds what they made.
define flags_rule
$(1): FORCE | deps
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$(2))' | cmp -s - $$@ || \
		printf '%s\n' '$$(subst ','\'',$(2))' >$$@
endef
$(eval $(call flags_rule,$(O)/obj/.flags,$$(CC) $$(USER_CFLAGS) $$(USER_LDFLAGS) $$(PKG_LIBS)))
$(eval $(call flags_rule,build/bpf/.flags,$$(CLANG) $$(BPF_CFLAGS) $$(BPFTOOL)))
$(eval $(call flags_rule,build/obj-workloads/.flags,$$(CC) $$(WORKLOAD_CFLAGS)))
$(eval $(call flags_rule,build/fuzz/.flags,$$(CLANG) $$(FUZZ_CFLAGS) $$(USER_CPPFLAGS) $$(PKG_LIBS)))

build/bpf/%.bpf.o: bpf/%.bpf.c build/bpf/.flags | deps
	$(say) CLANG $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@

# The list of objects is part of what is linked: a removed program must go from the skeleton too.
build/memtrace.bpf.o: $(BPF_OBJS) build/bpf/.flags | deps
	$(say) LINK $@
	$(Q)$(BPFTOOL) gen object $@ $(BPF_OBJS)

$(SKEL): build/memtrace.bpf.o
	@mkdir -p $(@D)
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name memtrace_bpf >$@

# The skeleton is order-only: which objects include it, their .d files know.
$(O)/obj/%.o: %.c $(O)/obj/.flags | deps $(SKEL)
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(USER_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_OBJS) $(REPLAY_OBJS) $(LIVE_OBJS): EXTRA_CFLAGS = $(TEST_CFLAGS) -Itests -I$(<D)
$(UNIT_OBJS) $(REPLAY_OBJS) $(LIVE_OBJS): | test-deps

$(O)/memtrace: $(USER_OBJS) $(O)/obj/.flags
	$(say) LD $@
	$(Q)$(CC) $(USER_LDFLAGS) $(USER_OBJS) -o $@ $(PKG_LIBS)

$(O)/unit/%: $(O)/obj/tests/unit/%.o $(UNIT_SHARED_OBJS) $(LIB_OBJS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(USER_LDFLAGS) $^ -o $@ $(TEST_LIBS) $(PKG_LIBS)

$(O)/replay/%: $(O)/obj/tests/replay/%.o $(REPLAY_SHARED_OBJS) $(LIB_OBJS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(USER_LDFLAGS) $^ -o $@ $(TEST_LIBS) $(PKG_LIBS)

$(O)/live/%: $(O)/obj/tests/bpf/%.o $(LIVE_SHARED_OBJS) $(LIB_OBJS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(USER_LDFLAGS) $^ -o $@ $(TEST_LIBS) $(PKG_LIBS)

build/obj-workloads/%.o: %.c build/obj-workloads/.flags | deps
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(WORKLOAD_CFLAGS) -MMD -MP -c $< -o $@

build/obj-workloads/%-fp.o: %.c build/obj-workloads/.flags | deps
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(WORKLOAD_CFLAGS) -fno-omit-frame-pointer -MMD -MP -c $< -o $@

build/obj-workloads/%-static.o: %.c build/obj-workloads/.flags | deps
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(WORKLOAD_CFLAGS) -DLINKED_STATICALLY -MMD -MP -c $< -o $@

build/workloads/%.so: tests/workloads/library/%.c build/obj-workloads/.flags | deps
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(WORKLOAD_CFLAGS) -fno-optimize-sibling-calls -fPIC -shared $< -o $@

build/workloads/%-static: build/obj-workloads/tests/workloads/%-static.o $(WORKLOAD_COMMON_OBJ)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -pthread -static $^ -o $@ -lm

build/workloads/%: build/obj-workloads/tests/workloads/%.o $(WORKLOAD_COMMON_OBJ)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -pthread $^ -o $@ -lm

# What the mutations shall find the ways through. Renderers look at every character of every name:
# to follow that would take most of the time.
build/fuzz/obj/user/event/%.o build/fuzz/obj/user/model/%.o build/fuzz/obj/user/recording/%.o \
build/fuzz/obj/user/report/%.o: FUZZ_COVERAGE = -fsanitize=fuzzer-no-link

build/fuzz/obj/%.o: %.c build/fuzz/.flags | fuzz-deps
	@mkdir -p $(@D)
	$(say) CLANG $@
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(FUZZ_COVERAGE) $(USER_CPPFLAGS) $(PKG_CFLAGS) -Itests/fuzz \
		-MMD -MP -c $< -o $@

build/fuzz/%: $(filter-out build/fuzz/obj/tests/fuzz/fuzz_%,$(FUZZ_OBJS)) build/fuzz/obj/tests/fuzz/%.o
	$(say) LD $@
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $^ -o $@ $(PKG_LIBS)

workloads: $(WORKLOADS) build/workloads/plugin.so

unit-programs: $(UNIT_TESTS)

live-programs: $(LIVE_TESTS)

unit: unit-programs
	@scripts/run-tests $(UNIT_TESTS)

fuzzers: $(FUZZERS)

# As long as you like: FUZZ_SECONDS. What was found before is where it goes on.
fuzz: fuzzers
	@scripts/fuzz --keep $(or $(FUZZ_SECONDS),600)

live: all workloads live-programs
	@scripts/setup --check live
	@scripts/run-tests --live $(LIVE_TESTS)

lint:
	@CC='$(CC)' scripts/lint

format:
	@scripts/lint --format

# Set-up can bring what this make looked up in vain, so the rest is a make of its own.
check:
	@scripts/check

check-vm:
	@scripts/vm/check $(KERNELS)

demo:
	@scripts/demo

bench: all workloads
	@scripts/bench $(BENCH_ARGS)

install: all
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/sbin
	$(INSTALL) -m 755 $(O)/memtrace $(DESTDIR)$(PREFIX)/sbin/memtrace
	set -e; for page in $(MAN_PAGES); do \
		$(INSTALL) -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page; done

clean:
	rm -rf build

# For scripts: a variable of this file.
print-%:
	@echo '$($*)'

-include $(wildcard $(DEPS))
