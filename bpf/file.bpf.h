/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a file is named in records: device, inode and the last component of its path. */
#ifndef MEMTRACE_BPF_FILE_H
#define MEMTRACE_BPF_FILE_H

#define KERNEL_MINOR_BITS 20 /* of dev_t inside the kernel */

static __always_inline void file__identify(struct file *file, __u32 *dev_major, __u32 *dev_minor,
					   __u64 *ino)
{
	__u32 dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);

	*dev_major = dev >> KERNEL_MINOR_BITS;
	*dev_minor = dev & ((1 << KERNEL_MINOR_BITS) - 1);
	*ino = BPF_CORE_READ(file, f_inode, i_ino);
}

#define TMPFS_MAGIC 0x01021994

static __always_inline bool file__is_shmem(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_sb, s_magic) == TMPFS_MAGIC;
}

static __always_inline void file__name(struct file *file, char *name, __u32 size)
{
	const unsigned char *from = BPF_CORE_READ(file, f_path.dentry, d_name.name);

	bpf_probe_read_kernel_str(name, size, from);
}

#endif
