# SPDX-License-Identifier: GPL-2.0-or-later
"""compare_csv.py NDJSON CSV [KIND NAME]

Reads both exports of a run as their users would, and fails unless they say the same. KIND NAME:
there must be a row of this kind whose comm this is (with Python's escapes). Prints the rows.
"""
import csv
import json
import sys
import unicodedata

STRINGS = ("comm", "name", "thread")
FORMULA = "=+-@\t'\uff1d\uff0b\uff0d\uff20"
BOUNDARY = ";\"\t\n"


def without_apostrophes(cell):
    """What memtrace(8) says of getting a string back."""
    out, before = [], ";"
    chars = iter(cell)
    for char in chars:
        if char == "'" and before in BOUNDARY:
            char = next(chars)
            assert char in FORMULA, cell
        else:
            assert before not in BOUNDARY or char not in FORMULA, cell
        out.append(char)
        before = char
    return "".join(out)


def shown(text):
    """What CSV keeps of a string."""
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c not in "\n\t" else c
        for c in text)


def no_constant(name):
    raise ValueError(name)


def main():
    with open(sys.argv[1], encoding="ascii", newline="\n") as file:
        rows = [json.loads(line, parse_constant=no_constant) for line in file]
    with open(sys.argv[2], encoding="utf-8", newline="") as file:
        table = list(csv.reader(file, strict=True))
    header = table.pop(0)
    assert len(rows) == len(table), (len(rows), len(table))
    for row, cells in zip(rows, table):
        assert list(row) == header and len(cells) == len(header), cells
        for (key, value), cell in zip(row.items(), cells):
            if key in STRINGS:
                value, cell = shown(value or ""), without_apostrophes(cell)
            elif value is None:
                value = ""
            else:
                assert isinstance(value, int) or value.isascii(), row
                assert isinstance(value, int) or value[0] not in FORMULA, row
            assert str(value) == cell, (key, value, cell)
    if len(sys.argv) > 3:
        wanted = sys.argv[4].encode().decode("unicode_escape")
        found = {row["comm"] for row in rows if row["kind"] == sys.argv[3]}
        assert wanted in found, (wanted, found)
    print(len(rows))


main()
