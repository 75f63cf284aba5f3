/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a file lies that is mapped to be executed: who maps a library may die in it at once, and
 * then nobody can be asked any more. As d_path() has it, but of the whole tree of mounts, without
 * regard to the process's root.
 */
#ifndef MEMTRACE_BPF_PATH_H
#define MEMTRACE_BPF_PATH_H

#include "common.bpf.h"
#include "file.bpf.h"

/* Names and mounts on the way to the root. */
#define PATH_MAX_STEPS 40

struct path_walk {
	struct dentry *dentry;
	struct vfsmount *mnt;
	bool whole;
};

/* To where the mount is mounted; false: it is the root of all. */
static __always_inline bool walk__leave_mount(struct path_walk *walk)
{
	struct mount *mount = (void *)walk->mnt - bpf_core_field_offset(((struct mount *)0)->mnt);
	struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

	walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	walk->mnt = (void *)parent + bpf_core_field_offset(((struct mount *)0)->mnt);
	return parent != mount;
}

/* False: it ends here, with the whole of it or not. */
static __always_inline bool walk__step(struct path_walk *walk, struct mt_path *rec)
{
	struct dentry *dentry = walk->dentry, *parent;
	struct vfsmount *mnt = walk->mnt;
	__u64 at = rec->len; /* from there, where the verifier does not follow it */
	long len;

	if (dentry == BPF_CORE_READ(mnt, mnt_root)) {
		walk->whole = !walk__leave_mount(walk);
		return !walk->whole;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	/* In no file system that can be reached. */
	if (parent == dentry)
		return false;
	barrier_var(at); /* the register that is judged is to be the one that is used */
	if (at > MT_PATH_NAMES_BYTES - MT_PATH_NAME_BYTES - 1)
		return false;
	len = bpf_probe_read_kernel_str(rec->names + at, MT_PATH_NAME_BYTES,
					BPF_CORE_READ(dentry, d_name.name));
	if (len <= 1 || len > MT_PATH_NAME_BYTES)
		return false;
	rec->len = at + len;
	walk->dentry = parent;
	return true;
}

/* Verified by itself, once. of: a struct file. */
__attribute__((noinline)) int path__send(__u64 of)
{
	struct mt_path *rec = record__reserve(MT_KIND_PATH, sizeof(*rec));
	struct file *file = (struct file *)of;
	struct path_walk walk = {};
	int i;

	if (!rec)
		return 0;
	file__identify(file, &rec->dev_major, &rec->dev_minor, &rec->ino);
	rec->len = 0;
	rec->pad = 0;
	__builtin_memset(rec->names, 0, sizeof(rec->names));
	walk.dentry = BPF_CORE_READ(file, f_path.dentry);
	walk.mnt = BPF_CORE_READ(file, f_path.mnt);
	for (i = 0; i < PATH_MAX_STEPS; i++)
		if (!walk__step(&walk, rec))
			break;
	if (walk.whole)
		record__submit(rec);
	else
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
