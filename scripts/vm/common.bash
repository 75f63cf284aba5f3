#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the scripts of the kernel matrix share; sourced, from the top of the tree.
# shellcheck disable=SC2034

# The kernels of the matrix: the cloud kernel of each of these Debian suites, which are 5.10, 6.1,
# 6.12 and whatever is newest.
VM_SUITES=(bullseye bookworm trixie sid)

# What is fetched: SUITE/release, SUITE/vmlinuz, SUITE/modules/.
VM_CACHE=${MEMTRACE_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/memtrace/vm}
# What is made: the disk of the guests, their consoles, the results.
VM_BUILD=build/vm

vm__die() {
	echo "${0##*/}: $*" >&2
	exit 125
}

# The release of a suite's kernel: 6.12.107+deb13-cloud-amd64. Fails if it has not been fetched.
vm__release() {
	cat "$VM_CACHE/$1/release" 2>/dev/null
}

# The suite that a KERNEL on a command line means: its name, or the beginning of the release that
# was fetched of it (6.12). Prints nothing if there is none.
vm__suite() {
	local suite release

	for suite in "${VM_SUITES[@]}"; do
		release=$(vm__release "$suite")
		if [ "$1" = "$suite" ] || [[ $release == "$1"[.-]* ]]; then
			echo "$suite"
			return
		fi
	done
}

# 6.12.107+deb13-cloud-amd64: 6.12
vm__series() {
	sed -E 's/^([0-9]+\.[0-9]+).*/\1/' <<<"$1"
}
