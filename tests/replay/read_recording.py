#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A reader of recordings, written from memtrace-recording(5) alone and from no other file of the tree,
to show that the page suffices. It prints as JSON how many records of each kind a recording has, and
for each process the figures that `memtrace report` has, too.

    read_recording.py FILE
"""
import collections
import json
import struct
import subprocess
import sys

MAGIC = bytes.fromhex("894d54520d0a1a0a")
ENDED_BY = ["duration", "interrupt", "target_exit", "cut_off"]

(
    FAULTS, MAJOR, MMAP, MUNMAP, BRK, MREMAP, MADVISE, MPROTECT, MLOCK, MLOCKALL, FORK, EXEC, EXIT,
    SIGNAL, MAPPING, COUNTED, HUGE, TIMED_FAULTS,
) = range(1, 19)
(
    SESSION, PROCESS, THREAD, SAMPLE, TICK, WATERMARK, LOSS, PROBE, END, BUILD_ID, GONE,
    SYMBOL,
) = range(64, 76)
PACKED_FAULTS = 96

CALLS = {
    MMAP: "mmap", MUNMAP: "munmap", BRK: "brk", MREMAP: "mremap", MADVISE: "madvise",
    MPROTECT: "mprotect", MLOCK: "mlock", MLOCKALL: "mlock",
}

FAULT_WRITE, FAULT_EXEC, FAULT_KERNEL = 1 << 57, 1 << 58, 1 << 59
FAULT_ADDRESS = (1 << 57) - 1
EXIT_GROUP = 0x1
COUNTED_MAJOR = 0x1
OUTCOME_MAJOR, OUTCOME_NO_ACCESS = 1 << 48, 1 << 52
SIGNAL_HANDLED, SIGNAL_MORE_BYTES, SIGSEGV, SI_KERNEL = 0x2, 216, 11, 128
THREAD_FINAL, THREAD_NO_FLT = 0x1, 0x2

Record = collections.namedtuple("Record", "time_ns tgid tid size kind cpu flags data")
Fault = collections.namedtuple(
    "Fault", "time_ns addr_flags min_flt maj_flt outcome", defaults=[0])


class Damaged(Exception):
    pass


def text(data):
    return data[: data.index(0)].decode("utf-8", "backslashreplace")


def read_header(file):
    data = file.read(216)
    if data[:8] != MAGIC or len(data) < 216:
        raise Damaged("no recording")
    order = {b"\x04\x03\x02\x01": "<", b"\x01\x02\x03\x04": ">"}[data[8:12]]
    major, minor, header_bytes, page_bytes = struct.unpack_from(order + "HHII", data, 12)
    if major != 1:
        raise Damaged("version %d" % major)
    file.read(header_bytes - 216)
    return order, {
        "version": "%d.%d" % (major, minor),
        "page_bytes": page_bytes,
        "host": text(data[24:89]),
        "kernel": text(data[89:154]),
        "arch": text(data[154:216]),
    }


def read_stream(file):
    """All that the frames hold; of one that is cut short, what there is."""
    zstd = subprocess.run(
        ["zstd", "-dcq", "--memory=1MB"], input=file.read(), capture_output=True, check=False
    )
    return zstd.stdout


def records(stream, order):
    at = 0
    while at + 24 <= len(stream):
        fields = struct.unpack_from(order + "QIIHHHH", stream, at)
        size = fields[3]
        if size < 24:
            raise Damaged("a record of %d bytes" % size)
        if at + size > len(stream):
            return
        yield Record(*fields, stream[at : at + size])
        at += (size + 7) & ~7


def take_number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def take_column(data, at, nr):
    numbers = []
    for _ in range(nr):
        value, at = take_number(data, at)
        numbers.append(value)
    return numbers, at


def running_sums(differences, start, bits):
    sums = []
    for difference in differences:
        start = (start + difference) & ((1 << bits) - 1)
        sums.append(start)
    return sums


def unpack_faults(record, order):
    data = record.data
    nr, _lost = struct.unpack_from(order + "II", data, 24)
    times, at = take_column(data, 32, nr)
    pages, at = take_column(data, at, nr)
    low = data[at : at + nr]
    high, at = take_column(data, at + nr, nr)
    min_flt, at = take_column(data, at, nr)
    maj_flt, at = take_column(data, at, nr)
    if not 1 <= nr <= 64 or at > len(data) or len(data) - at >= 8:
        raise Damaged("a record of faults")
    times = running_sums(times, record.time_ns, 64)
    pages = running_sums([n >> 1 if not n & 1 else -(n >> 1) - 1 for n in pages], 0, 45)
    min_flt = running_sums(min_flt, 0, 32)
    maj_flt = running_sums(maj_flt, 0, 32)
    return [
        Fault(
            times[i],
            pages[i] << 12 | (high[i] & 0xF) << 8 | low[i] | high[i] >> 4 << 57,
            min_flt[i],
            maj_flt[i],
        )
        for i in range(nr)
    ]


def faults_of(record, order):
    if record.kind == PACKED_FAULTS:
        return unpack_faults(record, order)
    nr = struct.unpack_from(order + "I", record.data, 24)[0]
    found = []
    form, size = ("QQIIQ", 32) if record.kind == TIMED_FAULTS else ("QQII", 24)
    for i in range(nr):
        addr_flags, time_ns, *rest = struct.unpack_from(order + form, record.data, 32 + size * i)
        found.append(Fault(time_ns, addr_flags, *rest))
    return found


def in_order(all_records, order):
    """Pairs of a record and, where it is of faults, one of them, in the order of their times."""
    held = []

    def due(before_ns):
        nonlocal held
        # Sorting keeps those of the same time in the order of the file.
        held.sort(key=lambda event: event[0])
        ready = [event for event in held if before_ns is None or event[0] < before_ns]
        held = held[len(ready) :]
        return [event[1:] for event in ready]

    for record in all_records:
        if record.kind == WATERMARK:
            yield from due(record.time_ns)
        elif record.kind in (FAULTS, PACKED_FAULTS, TIMED_FAULTS):
            held += [(fault.time_ns, record, fault) for fault in faults_of(record, order)]
        else:
            held.append((record.time_ns, record, None))
    yield from due(None)


class Thread:
    def __init__(self):
        self.flt = None  # min_flt, maj_flt of its last record that had them
        self.from_proc = False
        self.fault = None  # whose end is not known
        self.major_addr = None  # told since


class Process:
    def __init__(self):
        self.threads = collections.defaultdict(Thread)
        self.sums = collections.Counter()
        self.calls = {}
        self.rss_bytes = 0
        self.end = None
        self.signal = None  # the last one

    def count(self, fault, by):
        self.sums["kernel" if fault.addr_flags & FAULT_KERNEL else "user"] += by
        access = "read"
        if fault.addr_flags & FAULT_WRITE:
            access = "write"
        if fault.addr_flags & FAULT_EXEC:
            access = "exec"
        if fault.outcome & OUTCOME_NO_ACCESS:
            access = "unknown"
        self.sums[access] += by

    def settle(self, thread, flt, is_final=False):
        """The counters have been read again."""
        before, from_proc = thread.flt, thread.from_proc
        thread.from_proc = False
        if before is None:
            thread.flt = flt
            return
        minor, major = ((flt[i] - before[i]) & 0xFFFFFFFF for i in (0, 1))
        if minor >> 31 or major >> 31:
            if from_proc:
                thread.flt = flt
            return
        thread.flt = flt
        fault, thread.fault = thread.fault, None
        if not fault:
            pass
        elif major and (not minor or thread.major_addr is not None
                        and (thread.major_addr ^ fault.addr_flags & FAULT_ADDRESS) < 4096):
            self.sums["minor"] -= 1
            self.sums["major"] += 1
            major -= 1
        elif minor:
            minor -= 1
        elif is_final:
            thread.fault = fault
        else:
            self.sums["minor"] -= 1
            self.sums["not_counted"] += 1
            self.count(fault, -1)
        self.sums["no_exception"] += minor + major

    def take_fault(self, tid, fault):
        thread = self.threads[tid]
        self.settle(thread, (fault.min_flt, fault.maj_flt))
        thread.fault, thread.major_addr = fault, None
        if fault.outcome & OUTCOME_MAJOR:
            thread.major_addr = fault.addr_flags & FAULT_ADDRESS
        self.sums["observed"] += 1
        self.sums["minor"] += 1
        self.count(fault, 1)

    def take_signal(self, record, order):
        signo, code = struct.unpack_from(order + "ii", record.data, 32)
        registers = struct.unpack_from(order + "QQ", record.data, 48)
        handled, known = bool(record.flags & SIGNAL_HANDLED), record.size >= SIGNAL_MORE_BYTES
        last = self.signal
        if (last and last["handled"] and not handled and (signo, code) == (SIGSEGV, SI_KERNEL)
                and last["tid"] == record.tid and last["registers"] == registers
                and record.time_ns - last["time_ns"] <= 1000000000):
            self.turn_fatal()
            return
        self.signal = {"tid": record.tid, "registers": registers, "time_ns": record.time_ns,
                       "signo": signo, "known": known, "handled": handled or not known}
        self.sums["handled" if self.signal["handled"] else "fatal"] += 1

    def turn_fatal(self):
        self.signal["handled"] = False
        self.sums["handled"] -= 1
        self.sums["fatal"] += 1

    def take_end(self, code):
        self.end = {"exit_code": code >> 8 & 0xFF, "signal": code & 0x7F}
        last = self.signal
        if last and last["handled"] and not last["known"] and last["signo"] == self.end["signal"]:
            self.turn_fatal()

    def take_call(self, record, order):
        name = CALLS[record.kind]
        arg0 = struct.unpack_from(order + "Q", record.data, 24)[0]
        ret = struct.unpack_from(order + "q", record.data, 72)[0]
        failed = -4095 <= ret <= -1
        if record.kind == BRK:
            failed = arg0 != 0 and ret & (1 << 64) - 1 != arg0
        call = self.calls.setdefault(name, {"count": 0, "failed": 0})
        call["count"] += 1
        call["failed"] += failed


# Where flt.min_flt and flt.maj_flt are.
FLT_AT = {FORK: 48, EXEC: 32, EXIT: 24, SIGNAL: 24, THREAD: 24, **{kind: 80 for kind in CALLS}}


def take(processes, record, fault, order):
    if record.kind in (SAMPLE, GONE) and record.tgid not in processes:
        return
    process = processes[record.tgid]
    if record.kind == GONE:
        process.end = process.end or {"exit_code": 0, "signal": 0}
        return
    thread = process.threads[record.tid]
    if record.kind == EXEC:
        old_tid = struct.unpack_from(order + "I", record.data, 24)[0]
        if old_tid != record.tid and old_tid in process.threads:
            thread = process.threads[record.tid] = process.threads.pop(old_tid)
    if fault:
        process.take_fault(record.tid, fault)
    elif record.kind == MAJOR or record.kind == COUNTED and record.flags & COUNTED_MAJOR:
        thread.major_addr = struct.unpack_from(order + "Q", record.data, 24)[0]
    elif record.kind == SAMPLE:
        process.rss_bytes = struct.unpack_from(order + "Q", record.data, 24)[0]
    elif record.kind == THREAD and record.flags & THREAD_NO_FLT:
        return
    elif record.kind in FLT_AT:
        flt = struct.unpack_from(order + "II", record.data, FLT_AT[record.kind])
        is_final = record.kind == THREAD and bool(record.flags & THREAD_FINAL)
        if record.kind == THREAD and not is_final:
            if thread.flt is None:
                thread.flt, thread.from_proc = flt, True
        else:
            process.settle(thread, flt, is_final)
    if record.kind in CALLS:
        process.take_call(record, order)
    if record.kind == SIGNAL:
        process.take_signal(record, order)
    if record.kind == EXIT and record.flags & EXIT_GROUP:
        process.take_end(struct.unpack_from(order + "I", record.data, 32)[0])


def read(path):
    with open(path, "rb") as file:
        order, header = read_header(file)
        stream = read_stream(file)
    all_records = list(records(stream, order))
    kinds = collections.Counter(str(record.kind) for record in all_records)
    processes = collections.defaultdict(Process)
    start_ns = None
    end_ns = max((record.time_ns for record in all_records), default=0)
    ended_by = ENDED_BY.index("cut_off")
    lost = [0] * 16
    for record, fault in in_order(all_records, order):
        if fault:
            end_ns = max(end_ns, fault.time_ns)
        if record.kind == SESSION:
            start_ns = record.time_ns
        elif record.kind == LOSS:
            lost = struct.unpack_from(order + "16Q", record.data, 24)
        elif record.kind == END:
            end_ns = record.time_ns
            ended_by = struct.unpack_from(order + "I", record.data, 24)[0]
            break
        elif record.kind < SESSION or record.kind in (THREAD, SAMPLE, PROCESS, GONE, PACKED_FAULTS):
            take(processes, record, fault, order)
    return {
        "header": header,
        "kinds": kinds,
        "faults": sum(process.sums["observed"] for process in processes.values()),
        "duration_s": (end_ns - start_ns) / 1e9 if start_ns is not None else None,
        "ended_by": ENDED_BY[ended_by],
        "lost": sum(lost),
        "processes": [
            {
                "pid": pid,
                **{name: process.sums[name] for name in
                   ("observed", "minor", "major", "not_counted", "no_exception", "user",
                    "kernel", "read", "write", "exec", "fatal", "handled")},
                "calls": process.calls,
                "rss_bytes": process.rss_bytes,
                "end": process.end,
            }
            for pid, process in processes.items()
        ],
    }


if __name__ == "__main__":
    try:
        print(json.dumps(read(sys.argv[1])))
    except Damaged as error:
        sys.exit("%s: %s" % (sys.argv[1], error))
