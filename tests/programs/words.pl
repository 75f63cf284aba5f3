#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# An ordinary program: a hash of words, a sort, regular expressions, a child by a pipe.
use strict;
use warnings;

my %words;
for my $i (1 .. 100000) {
	$words{ sprintf "%x", $i * 2654435761 % 65536 }++;
}
my @sorted = sort { $words{$b} <=> $words{$a} || $a cmp $b } keys %words;
my $text = join ' ', @sorted;
my $nr = () = $text =~ /\b[0-9a-f]{3,4}\b/g;
open my $sh, '-|', 'seq 1 1000 | sort -r' or die;
my @lines = <$sh>;
close $sh or die;
die unless $nr > 1000 && @lines == 1000;
