#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Two readers of a recording, each with its own idea of memtrace-recording(5), must agree:
read_recording.py and `memtrace report`. Says what they agree on, or where they differ.

    compare_reader.py MEMTRACE FILE        with the report that this program makes
    compare_reader.py REPORT.json FILE     with one that was made
"""
import collections
import json
import subprocess
import sys

sys.dont_write_bytecode = True
import read_recording  # noqa: E402

FAULTS = ["minor", "major", "user", "kernel"]
ACCESSES = ["read", "write", "exec"]
CRASHES = ["fatal", "handled"]


def figures_of_report(report):
    """By pid, which several processes of a report may have had."""
    by_pid = collections.defaultdict(collections.Counter)
    for process in report["processes"]:
        figures, faults = by_pid[process["pid"]], process["faults"]
        figures.update({name: faults[name] for name in FAULTS})
        figures.update(faults["by_access"] or dict.fromkeys(ACCESSES, 0))
        figures.update({name: process["crashes"][name] for name in CRASHES})
        figures["observed"] += process["check"]["observed"]
        figures["not_counted"] += process["check"]["explained"]["not_counted"]
        for name, call in process["heap"]["calls"].items():
            figures[name] += call["count"]
            figures[name + " failed"] += call["failed"]
        end = process["end"] or {}
        # Those of the last one.
        figures["rss_bytes"] = process["heap"]["rss_bytes"] or 0
        figures["ended"] = int(bool(end))
        figures["exit_code"] = end.get("exit_code") or 0
        figures["signal"] = end.get("signal") or 0
    return by_pid


def figures_of_reader(read):
    by_pid = {}
    for process in read["processes"]:
        names = FAULTS + ACCESSES + CRASHES + ["observed", "not_counted", "rss_bytes"]
        figures = collections.Counter({name: process[name] for name in names})
        for name, call in process["calls"].items():
            figures[name] += call["count"]
            figures[name + " failed"] += call["failed"]
        end = process["end"] or {"exit_code": 0, "signal": 0}
        figures["ended"] = int(bool(process["end"]))
        figures["exit_code"] = 0 if end["signal"] else end["exit_code"]
        figures["signal"] = end["signal"]
        by_pid[process["pid"]] = figures
    return by_pid


def differences(read, report):
    session = report["session"]
    for what, ours, theirs in (
            ("ended_by", read["ended_by"], session["ended_by"]),
            ("lost", read["lost"], report["loss"]["records"]),
            ("probes", read["kinds"][str(read_recording.PROBE)], len(report["probes"])),
            ("arch", read["header"]["arch"], report["host"]["arch"]),
            ("kernel", read["header"]["kernel"], report["host"]["kernel"]),
            ("page_bytes", read["header"]["page_bytes"], report["host"]["page_bytes"])):
        if ours != theirs:
            yield "%s: %s, and in the report %s" % (what, ours, theirs)
    if abs(read["duration_s"] - session["duration_s"]) > 2e-6:
        yield "%s s, and in the report %s s" % (read["duration_s"], session["duration_s"])
    ours, theirs = figures_of_reader(read), figures_of_report(report)
    for pid in sorted(set(ours) | set(theirs)):
        if pid not in ours or pid not in theirs:
            yield "pid %d is only in one of them" % pid
            continue
        for name in sorted(set(ours[pid]) | set(theirs[pid])):
            if ours[pid][name] != theirs[pid][name]:
                yield "pid %d, %s: %s, and in the report %s" % (pid, name, ours[pid][name],
                                                                theirs[pid][name])


def main():
    memtrace, path = sys.argv[1:]
    if memtrace.endswith(".json"):
        with open(memtrace, encoding="utf-8") as file:
            report = json.load(file)
    else:
        run = subprocess.run([memtrace, "report", "-n0", "-F", "json", path],
                             stdout=subprocess.PIPE, check=True)
        report = json.loads(run.stdout)
    read = read_recording.read(path)
    wrong = list(differences(read, report))
    for line in wrong:
        print(line)
    if wrong:
        sys.exit(1)
    print("%d faults, %d processes" % (read["faults"], len(read["processes"])))


main()
