#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# redis.sh DIR: a server that saves what some thousand commands have brought, from begin to end.
set -eu
cd "$1"
redis-server --port 0 --unixsocket "$1/redis.sock" --dir "$1" --save '' >redis.log &
until redis-cli -s "$1/redis.sock" ping 2>/dev/null | grep -q PONG; do
	kill -0 $!
	sleep 0.05
done
redis-benchmark -s "$1/redis.sock" -n 2000 -c 5 -q -t set,get,lpush,hset,zadd >/dev/null
test "$(redis-cli -s "$1/redis.sock" dbsize)" -gt 0
redis-cli -s "$1/redis.sock" bgsave >/dev/null
redis-cli -s "$1/redis.sock" shutdown save >/dev/null
wait
test -s dump.rdb
