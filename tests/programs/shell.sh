#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An ordinary script: functions that call themselves, subshells, pipes, an array, here-documents.
set -euo pipefail

fib() {
	if (($1 < 2)); then
		echo "$1"
	else
		echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2)))))
	fi
}

countdown() {
	if (($1)); then
		countdown $(($1 - 1))
	fi
}

[ "$(fib 7)" = 13 ]
countdown 500
mapfile -t lines < <(seq 1 5000 | sort -R | sort -n)
[ "${#lines[@]}" = 5000 ]
sum=0
for line in "${lines[@]}"; do
	sum=$((sum + line))
done
[ $sum = 12502500 ]
tr '[:lower:]' '[:upper:]' <<-END | grep -q HERE
	it is here
END
