#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# compile.sh DIR: a part of this program, by both compilers, into an archive.
set -eu
for cc in gcc clang; do
	for source in user/base/units.c user/base/escape.c user/base/hash.c; do
		$cc -O2 -g -std=gnu17 -D_GNU_SOURCE -Iuser -Iinclude -c "$source" \
			-o "$1/$cc-$(basename "$source" .c).o"
	done
done
ar rcs "$1/all.a" "$1"/*.o
nm "$1/all.a" | grep -q ' T '
