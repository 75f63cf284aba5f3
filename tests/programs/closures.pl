#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A chain of closures, each the only one that holds the next: perl frees it by a recursion in C.
use strict;
use warnings;

my $chain;
for (1 .. 1000000) {
	my $next = $chain;
	$chain = sub { $next };
}
undef $chain;
