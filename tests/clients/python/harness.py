"""What the three programs share: test data, comparing, the transcript, and running scenarios with a time limit.

A program registers its scenarios with `Scenarios` and calls `main`. Each scenario gets a `Seen`, through which it says
what the client saw (one line of stdout each) and compares it with what it expects. Nothing that may differ between two
runs against the same kind of broker may go into the transcript.
"""

import faulthandler
import hashlib
import json
import os
import random
import sys
import threading
import time
import traceback
from collections import defaultdict, namedtuple

SCENARIO_SECONDS = 60
# Once this much time is used up, what has not started yet counts as failed: a broker that answers nothing must not keep
# the caller waiting for the sum of all time limits.
PROGRAM_SECONDS = 240
WAIT_SECONDS = 25
# A fixed past instant, so that explicit timestamps are the same in every run.
EPOCH_MS = 1_700_000_000_000
BAD_NAMES = ["with space", "with/slash", "ümlaut", ".", "..", "", "a" * 250]
# The topic configs that are shown: those of everyday use, whose defaults do not depend on the machine.
CONFIGS = [
    "cleanup.policy",
    "compression.type",
    "delete.retention.ms",
    "max.message.bytes",
    "message.timestamp.type",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# The largest value that fits a record without key and headers into a batch of message.max.bytes, 1048588 by default.
LARGEST_VALUE = 1_048_516

Sent = namedtuple("Sent", "key value headers timestamp partition")
Got = namedtuple("Got", "partition offset key value headers timestamp timestamp_type")


class Mismatch(Exception):
    """The client saw something else than what was expected."""


# ---------------------------------------------------------------------------------------------------------------------
# Test data


def sent(key=None, value=None, headers=(), timestamp=EPOCH_MS, partition=0):
    def as_bytes(text):
        return text.encode() if isinstance(text, str) else text

    return Sent(as_bytes(key), as_bytes(value), [(name, as_bytes(v)) for name, v in headers], timestamp, partition)


def round_trip_records(partition=0, null_headers=True, null_key_and_value=True):
    """One record for each thing that a record can carry and that a broker could damage."""
    shapes = [
        ("k0", "v0", ()),
        (None, "no key", ()),
        ("empty value", "", ()),
        ("", "empty key", ()),
        ("tombstone", None, ()),
        ("ключ 日本 🔑", "Größe ½ ☃", ()),
        ("binary", bytes(range(256)), ()),
        ("one header", "h", [("h", "x")]),
        ("same name twice", "h", [("d", "1"), ("other", "o"), ("d", "2")]),
        ("empty header", "h", [("e", "")]),
        ("header names", "h", [("Ü", "Größe"), ("", "empty name")]),
        ("long header", "h", [("long", b"\x00\xff" * 1500)]),
        ("long key " + "k" * 3000, "long key", ()),
        ("long value", "v" * 20_000, ()),
    ]
    if null_headers:
        shapes.append(("null header", "h", [("n", None), ("n", "")]))
    if null_key_and_value:
        shapes.append((None, None, ()))
    return [sent(key, value, headers, EPOCH_MS + i * 1000, partition) for i, (key, value, headers) in enumerate(shapes)]


def plain_records(count, partitions=1, prefix="", start=0):
    return [sent(f"{prefix}k{i}", f"{prefix}v{i}", (), EPOCH_MS + i, i % partitions) for i in range(start, start + count)]


# Times to look up where record i of a partition with 60 records has the time EPOCH_MS + 100 * i, and the offset to find.
LOOKUPS = [
    ("before the first", 1, 0),
    ("the first", EPOCH_MS, 0),
    ("exact", EPOCH_MS + 3000, 30),
    ("between", EPOCH_MS + 3001, 31),
    ("the last", EPOCH_MS + 5900, 59),
    ("after the last", EPOCH_MS + 5901, None),
]


# Times, after EPOCH_MS, of records that are not in the order of their times, and the times to look up.
UNORDERED_MS = [10, 30, 20, 20, 50, 40]
UNORDERED_LOOKUPS_MS = [0, 11, 20, 25, 31, 40, 45, 50]


def unordered_found(after_ms):
    """The first offset whose record is at or after the time, and its time."""
    return next((offset, EPOCH_MS + ms) for offset, ms in enumerate(UNORDERED_MS) if ms >= after_ms)


def unordered_records():
    return [sent("k", "v", (), EPOCH_MS + ms) for ms in UNORDERED_MS]


def records_for_lookups(partition):
    return [sent(f"k{i}", "v", (), EPOCH_MS + 100 * i, partition) for i in range(60)]


# What four writers write at the same time into two partitions.
WRITERS = [[sent(f"w{w}", f"{w}:{i}", (), EPOCH_MS, i % 2) for i in range(400)] for w in range(4)]


def varied_records(count, seed=7):
    """Records of some 100 bytes to 4 kB that compress, but not to nothing."""
    rng = random.Random(seed)
    words = ["broker", "offset", "partition", "segment", "übermäßig", "consumer", "fetch"]
    records = []
    for i in range(count):
        size = rng.randrange(100, 4000)
        text = ""
        while len(text) < size:
            text += rng.choice(words) + str(rng.randrange(1000)) + " "
        headers = [("i", str(i))] if i % 3 == 0 else []
        records.append(sent(f"key-{i}" if i % 5 else None, text[:size], headers, EPOCH_MS + i * 10))
    return records


def offsets_in_order(records, start=0):
    """The reports that a contiguous log has to give."""
    following, reports = {}, []
    for record in records:
        offset = following.get(record.partition, start)
        reports.append((record.partition, offset))
        following[record.partition] = offset + 1
    return reports


# ---------------------------------------------------------------------------------------------------------------------
# The transcript


def show_bytes(data):
    if data is None:
        return "null"
    try:
        text = data.decode()
        if len(text) <= 40 and text.isprintable():
            return json.dumps(text, ensure_ascii=False)
    except UnicodeDecodeError:
        pass
    return f"{len(data)} bytes sha256 {hashlib.sha256(data).hexdigest()[:16]}"


def show(value):
    """Any observation as one line that does not depend on the run."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return show_bytes(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{show(k)}: {show(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, (set, frozenset)):
        return "[" + ", ".join(show(v) for v in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(show(v) for v in value) + "]"
    return str(value)


def show_headers(headers):
    return "[" + ", ".join(f"[{json.dumps(name, ensure_ascii=False)}, {show_bytes(value)}]" for name, value in headers) + "]"


def show_record(got):
    return (
        f"partition {got.partition} offset {got.offset} key {show_bytes(got.key)} value {show_bytes(got.value)} "
        f"headers {show_headers(got.headers)} {got.timestamp_type} {got.timestamp}"
    )


def digest(records):
    """One hash over everything that the records carry, for results that are too long to print."""
    sha = hashlib.sha256()
    for got in records:
        sha.update(repr(tuple(got)).encode())
    return sha.hexdigest()[:16]


class Seen:
    """What one scenario saw: prints the transcript's lines and compares."""

    def __init__(self, scenario, bootstrap):
        self.scenario = scenario
        self.bootstrap = bootstrap
        # A scenario that ran out of time may still have a thread that talks: its lines would stand in the next one's.
        self.open = True

    def saw(self, what, value):
        if self.open:
            print(f"{self.scenario}: {what} = {show(value)}", flush=True)

    def equal(self, what, got, wanted):
        self.saw(what, got)
        if got != wanted:
            raise Mismatch(f"{what}: expected {show(wanted)}, but got {show(got)}")

    def holds(self, what, condition, detail=""):
        self.saw(what, bool(condition))
        if not condition:
            raise Mismatch(f"{what}: does not hold {detail}".rstrip())

    def becomes(self, what, observe, wanted, seconds=10):
        """As `equal`, for what a broker need not know at once: Kafka's metadata follows its controller."""
        end = time.monotonic() + seconds
        got = observe()
        while got != wanted and time.monotonic() < end:
            time.sleep(0.02)
            got = observe()
        self.equal(what, got, wanted)

    def records(self, what, got, wanted, first_offset=0, timestamp_type="create-time"):
        """Compares every record of every partition: `wanted` as sent, its offsets contiguous from `first_offset`."""
        got = sorted(got, key=lambda record: (record.partition, record.offset))
        expected = expected_records(wanted, first_offset, timestamp_type)
        for i, (mine, theirs) in enumerate(zip(expected, got, strict=False)):
            if mine != theirs:
                raise Mismatch(f"{what}: record {i}: expected {show_record(mine)}, but got {show_record(theirs)}")
        if len(got) != len(expected):
            raise Mismatch(f"{what}: expected {len(expected)} records, but got {len(got)}")
        if len(got) <= 16:
            for i, record in enumerate(got):
                self.saw(f"{what} record {i}", show_record(record))
        else:
            size = sum(len(record.value or b"") for record in got)
            self.saw(what, f"{len(got)} records, {size} bytes of values, sha256 {digest(got)}")


def check_writers(seen, records):
    """That of all that WRITERS wrote nothing is missing, and each writer's order is kept."""
    for w, wanted in enumerate(WRITERS):
        for p in range(2):
            mine = [r.value for r in records if r.key == f"w{w}".encode() and r.partition == p]
            in_order = mine == [r.value for r in wanted if r.partition == p]
            seen.equal(f"writer {w} partition {p}: complete and in order", in_order, True)
    contiguous = all(sorted(r.offset for r in records if r.partition == p) == list(range(800)) for p in range(2))
    seen.equal("offsets contiguous", contiguous, True)


def expected_records(wanted, first_offset, timestamp_type):
    by_partition = defaultdict(list)
    for record in wanted:
        by_partition[record.partition].append(record)
    return [
        Got(partition, first_offset + i, r.key, r.value, r.headers, r.timestamp, timestamp_type)
        for partition in sorted(by_partition)
        for i, r in enumerate(by_partition[partition])
    ]


def error_of(call, *args, **kwargs):
    """The exception that the call raises; that it raises none is a mismatch."""
    try:
        result = call(*args, **kwargs)
    except Exception as error:
        return error
    raise Mismatch(f"expected an error, but got {result!r}")


def wait_until(condition, what, seconds=WAIT_SECONDS):
    """Calls `condition`, which polls and so waits by itself, until it is true."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Mismatch(f"waited {seconds} s in vain for {what}")


# ---------------------------------------------------------------------------------------------------------------------
# Running


class Scenarios:
    def __init__(self):
        self.by_name = {}

    def __call__(self, name, *args):
        """Registers a function as a scenario; `args` follow the `Seen` in the call."""

        def register(function):
            self.by_name[name] = (function, args)
            return function

        return register


def main(scenarios, call=lambda function, *args: function(*args)):
    """Runs all scenarios or those named; `call` is how to call one (an asyncio program wraps it in an event loop)."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} BOOTSTRAP [SCENARIO]...")
    bootstrap, names = sys.argv[1], sys.argv[2:] or list(scenarios.by_name)
    unknown = [name for name in names if name not in scenarios.by_name]
    if unknown:
        sys.exit(f"unknown scenarios {unknown}; there are: {' '.join(scenarios.by_name)}")
    end = time.monotonic() + PROGRAM_SECONDS
    failed = [name for name in names if not run_one(name, *scenarios.by_name[name], bootstrap, call, end)]
    print(f"{len(names) - len(failed)} passed, {len(failed)} failed", *failed, file=sys.stderr, flush=True)
    # A client that hangs has threads that never end; the interpreter would wait for them.
    os._exit(1 if failed else 0)


def run_one(name, function, args, bootstrap, call, end):
    seen = Seen(name, bootstrap)
    if time.monotonic() > end:
        print(f"{name}: FAILED: the program's time was used up before it started", file=sys.stderr, flush=True)
        return False
    outcome = []

    def body():
        try:
            call(function, seen, *args)
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    started = time.monotonic()
    thread = threading.Thread(target=body, name=name, daemon=True)
    thread.start()
    thread.join(SCENARIO_SECONDS)
    took = time.monotonic() - started
    if not outcome:
        faulthandler.dump_traceback(file=sys.stderr)
        outcome = [Mismatch(f"not finished after {SCENARIO_SECONDS} s")]
    error = outcome[0]
    seen.saw("result", "passed" if error is None else "failed")
    seen.open = False
    if error is None:
        print(f"{name}: passed in {took:.1f} s", file=sys.stderr, flush=True)
        return True
    if not isinstance(error, Mismatch):
        traceback.print_exception(error, file=sys.stderr)
    print(f"{name}: FAILED after {took:.1f} s: {error}", file=sys.stderr, flush=True)
    return False
