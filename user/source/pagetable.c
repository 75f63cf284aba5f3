// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables hold physical addresses, which the kernel reads through its map of all memory. Where
 * that begins is chosen at boot, and no kernel tells. But the map holds our page table, whose
 * address we have: so it begins a multiple of 1 GiB before that (arch/x86/mm/kaslr.c), and of the
 * few candidates the right one shows a page of ours where /proc/self/pagemap says that it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "memtrace/control.h"
#include "memtrace.skel.h"
#include "source/pagetable.h"

#define MAP_STEP (1ULL << 30)
/* Memory above 16 TiB does not hold the page table of a program that has just begun. */
#define MAX_STEPS (16 << 10)
/* Page map entries (Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_FRAME_MASK ((1ULL << 55) - 1)
#define PAGEMAP_PRESENT (1ULL << 63)
/* What a table entry has below and above the address (Intel SDM volume 3A, table 4-20). */
#define FRAME_MASK 0x000ffffffffff000ULL

#if defined(__x86_64__)
#define ENTRIES_ARE_KNOWN true
#else
#define ENTRIES_ARE_KNOWN false
#endif

/* The physical address of the page at addr; 0: not told. */
static uint64_t frame__of(const void *addr, size_t page_bytes)
{
	int fd __closefd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	off_t at = (off_t)((uintptr_t)addr / page_bytes * sizeof(entry));

	if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
		return 0;
	return entry & PAGEMAP_PRESENT ? (entry & PAGEMAP_FRAME_MASK) * page_bytes : 0;
}

static bool table__try(struct memtrace_bpf *skel, uint64_t addr, uint64_t frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	skel->bss->control.try_addr = addr;
	skel->bss->control.try_frame = frame;
	return !bpf_prog_test_run_opts(bpf_program__fd(skel->progs.try_pagetable), &opts);
}

static bool find_direct_map(struct memtrace_bpf *skel, uint64_t addr, uint64_t frame, uint64_t word)
{
	struct mt_control *control = &skel->bss->control;
	uint64_t map;

	if (!table__try(skel, addr, frame) || !control->table)
		return false;
	map = control->table & ~(MAP_STEP - 1);
	for (unsigned int i = 0; i < MAX_STEPS; i++, map -= MAP_STEP) {
		control->direct_map = map;
		if (!table__try(skel, addr, frame))
			return false;
		if (control->try_word == word)
			return true;
	}
	return false;
}

static bool find_levels(struct memtrace_bpf *skel, uint64_t addr, uint64_t frame)
{
	struct mt_control *control = &skel->bss->control;

	for (control->five_levels = 0; control->five_levels < 2; control->five_levels++)
		if (table__try(skel, addr, frame) && control->try_frame == frame)
			return true;
	return false;
}

static bool pagetable__find(struct memtrace_bpf *skel, const uint64_t *page, size_t page_bytes)
{
	uint64_t addr = (uintptr_t)page, frame = frame__of(page, page_bytes);

	skel->bss->control.frame_mask = FRAME_MASK;
	return frame && find_direct_map(skel, addr, frame, *page) && find_levels(skel, addr, frame);
}

bool pagetable__enable(struct memtrace_bpf *skel)
{
	size_t page_bytes = sysconf(_SC_PAGESIZE);
	bool enabled;
	uint64_t *page;

	/*
	 * The tables of others may be found just as well (arm64's have the same shape), but their
	 * entries have other bits than bpf/pagetable.bpf.h knows.
	 */
	if (!ENTRIES_ARE_KNOWN)
		return false;
	page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return false;
	/* It may have become part of a mapping beside it, and would be of a huge page. */
	madvise(page, page_bytes, MADV_NOHUGEPAGE);
	/* A number that stands nowhere else. */
	*page = (uintptr_t)page * 0x9e3779b97f4a7c15ULL ^ (uint64_t)getpid() << 32;
	enabled = pagetable__find(skel, page, page_bytes);
	if (!enabled)
		skel->bss->control.direct_map = 0;
	munmap(page, page_bytes);
	return enabled;
}

int pagetable__try(struct error *error)
{
	struct memtrace_bpf *skel = memtrace_bpf__open();
	struct bpf_program *program;
	int err;

	if (!skel)
		return error__set(error, errno, "cannot open the BPF programs: %s",
				  strerror(errno));
	bpf_object__for_each_program(program, skel->obj)
		bpf_program__set_autoload(program, program == skel->progs.try_pagetable);
	err = memtrace_bpf__load(skel);
	if (err)
		error__set(error, -err, "cannot load the program that reads them: %s",
			   strerror(-err));
	else if (!pagetable__enable(skel))
		err = error__set(error, ENOTSUP, "they are not found where they are on x86-64");
	memtrace_bpf__destroy(skel);
	return err;
}
