#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An ordinary program: threads, a process pool, recursion as deep as is allowed, some memory."""
import concurrent.futures
import hashlib
import json
import re
import threading


def depth(level):
    try:
        return depth(level + 1)
    except RecursionError:
        return level


def work(number):
    text = json.dumps([{"n": i, "hash": hashlib.sha256(b"%d" % i).hexdigest()} for i in range(2000)])
    return len(re.findall(r"[0-9a-f]{64}", text)) + number


assert depth(0) > 900
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    assert sum(pool.map(work, range(4))) == 4 * 2000 + 6
