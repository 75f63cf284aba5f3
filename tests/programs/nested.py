#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
nested.py [STACK_BYTES]: what a list looks like that is nested deeper than the C stack of the
interpreter, which is told not to care: on the main stack, or a thread's of that size.
"""
import sys
import threading

sys.setrecursionlimit(10**9)


def look():
    nested = []
    for _ in range(10**6):
        nested = [nested]
    repr(nested)


if sys.argv[1:]:
    threading.stack_size(int(sys.argv[1]))
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
else:
    look()
