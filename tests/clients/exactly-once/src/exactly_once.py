"""A chain that has to do its work exactly once: consume, transform, produce, and commit the offsets in the same transaction.

Several workers share a group. While they work, they are killed and started again at random, or stopped for so long that
others take their partitions and then continued, as a machine that hangs would be. Each aborts some of its transactions
itself. In the end a reader with `read_committed` has to see something of each input record once, in the order of its key.

    fill    writes the input in transactions, between which others are aborted
    work    is the chain, until it is killed
    read    shows what counts

There are these three parts for each client: Chain.java and chain.py. Here they are started, disturbed and checked.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

HERE = Path(__file__).resolve().parent
JAVA_FOLDER = HERE.parent.parent / "java/target"
JAVA_OPTIONS = ["-Xmx128m", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
CHAINS = {
    "java": [
        "java",
        *JAVA_OPTIONS,
        "-cp",
        f"{HERE.parent}/target/classes:{JAVA_FOLDER}/classes:{JAVA_FOLDER}/jars/*",
        "Chain",
    ],
    "librdkafka": [sys.executable, "-B", str(HERE / "chain.py")],
}
SEED = 20
RECORDS = 100_000
KEYS = 1_000
PARTITIONS = 6
WORKERS = 4
# Workers up to this one are static members: who replaces them gets their partitions at once. After the others the group
# waits for the session's end.
STATIC_WORKERS = 2
KILLS = 16
STOPS = 2
# Longer than the session, shorter than what a transaction may take until the broker looks for late ones.
STOP_SECONDS = 8
PART_SECONDS = 60
# Against a broker that loses something the work would never be done.
WORK_SECONDS = 110


class Failed(Exception):
    pass


class Chain:
    def __init__(self, name, bootstrap):
        self.name = name
        self.bootstrap = bootstrap
        self.random = random.Random(SEED)
        self.input = f"exactly-once-{name}-input"
        self.output = f"exactly-once-{name}-output"
        self.group = f"exactly-once-{name}-group"
        self.workers = {}
        self.transactional_ids = {slot: f"{self.name}-{slot}" for slot in range(WORKERS)}
        self.due = []
        self.did = Counter()

    def say(self, text):
        print(f"exactly-once-{self.name}: {text}", flush=True)

    def command(self, *arguments):
        return [*CHAINS[self.name], self.bootstrap, *map(str, arguments)]

    def part(self, *arguments):
        """Runs a part that ends by itself, and gives the lines that it prints."""
        done = subprocess.run(
            self.command(*arguments), stdout=subprocess.PIPE, timeout=PART_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise Failed(f"{arguments[0]} ended with {done.returncode}")
        return done.stdout.decode().splitlines()

    def run(self):
        self.create_topics()
        ends = {int(p): int(end) for p, end in (line.split() for line in self.part("fill", self.input, RECORDS, KEYS))}
        self.say(f"input records = {RECORDS}")
        try:
            self.work(ends)
        finally:
            for worker in self.workers.values():
                worker.kill()
                worker.wait()
        self.check()

    def create_topics(self):
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for future in admin.create_topics([NewTopic(t, PARTITIONS, 1) for t in (self.input, self.output)]).values():
            future.result()

    # -- the workers and what happens to them

    def start(self, slot):
        instance = f"{self.name}-{slot}" if slot < STATIC_WORKERS else ""
        seed = self.random.randrange(2**31)
        self.workers[slot] = subprocess.Popen(
            self.command("work", self.input, self.output, self.group, self.transactional_ids[slot], instance, seed),
            stdout=sys.stderr,
            stdin=subprocess.DEVNULL,
        )

    def work(self, ends):
        """Disturbs the workers as their work goes on, until all is done."""
        progress = Progress(self, ends)
        progress.begin()
        for slot in range(WORKERS):
            self.start(slot)
        disturbances = [self.kill] * KILLS + [self.stop] * STOPS
        self.random.shuffle(disturbances)
        share = RECORDS / (len(disturbances) + 1)
        marks = [share * (i + self.random.uniform(0.7, 1.3)) for i in range(len(disturbances))]
        begin = time.monotonic()
        while not progress.is_done():
            now = time.monotonic()
            if now - begin > WORK_SECONDS:
                raise Failed(f"not done after {WORK_SECONDS} s: {progress}")
            for task in [task for task in self.due if task[0] <= now]:
                self.due.remove(task)
                task[1](task[2])
            self.replace_ended()
            if marks and progress.records() >= marks[0]:
                marks.pop(0)
                # Anywhere in a transaction.
                time.sleep(self.random.uniform(0, 0.1))
                disturbances.pop()()
            time.sleep(0.02)
        took = time.monotonic() - begin
        print(f"exactly-once-{self.name}: {took:.1f} s, {dict(self.did)}", file=sys.stderr, flush=True)
        if self.did["killed"] < KILLS:
            raise Failed(f"only {self.did['killed']} of {KILLS} kills came before the end")

    def victim(self):
        """Who is alive and not stopped."""
        busy = {slot for _, _, slot in self.due}
        return self.random.choice([slot for slot in range(WORKERS) if slot not in busy] or [None])

    def kill(self):
        slot = self.victim()
        if slot is None:
            return
        self.workers[slot].kill()
        self.workers[slot].wait()
        self.did["killed"] += 1
        self.due.append((time.monotonic() + self.random.choice([0, 0, 0.5, 2]), self.start, slot))

    def stop(self):
        slot = self.victim()
        if slot is None:
            return
        self.workers[slot].send_signal(signal.SIGSTOP)
        self.did["stopped"] += 1
        self.due.append((time.monotonic() + STOP_SECONDS, self.go_on, slot))

    def go_on(self, slot):
        self.workers[slot].send_signal(signal.SIGCONT)

    def replace_ended(self):
        waiting = {slot for _, _, slot in self.due}
        for slot, worker in list(self.workers.items()):
            if slot not in waiting and worker.poll() is not None:
                self.did["ended by itself"] += 1
                self.start(slot)

    # -- the result

    def check(self):
        """Reads what counts, and compares it with the input."""
        read = [line.split("\t") for line in self.part("read", self.output)]
        prefix = "made of "
        wrong = [value for _, _, value in read if not value.startswith(prefix)]
        numbers = Counter(int(value.removeprefix(prefix)) for _, _, value in read if value.startswith(prefix))
        lost = RECORDS - len(numbers.keys() & set(range(RECORDS)))
        wrong += [number for number in numbers if number not in range(RECORDS)]
        twice = sum(count > 1 for count in numbers.values())
        by_key = defaultdict(list)
        for partition, key, value in read:
            by_key[key].append((partition, value))
        disordered = [key for key, made in by_key.items() if made != expected_of(key, made[0][0])]
        self.say(f"records read committed = {len(read)}, lost = {lost}, twice = {twice}")
        self.say(f"records that nobody made = {len(wrong)}")
        self.say(f"keys = {len(by_key)}, not in order = {len(disordered)}")
        if lost or twice or wrong or disordered or len(read) != RECORDS:
            raise Failed(f"lost {lost}, twice {twice}, wrong {wrong[:5]}, not in order {disordered[:5]}")


def expected_of(key, partition):
    """All that has to be in the output with this key, in its order and in one partition."""
    first = int(key.removeprefix("key "))
    return [(partition, f"made of {i}") for i in range(first, RECORDS, KEYS)]


class Progress:
    """How far the group's offsets are."""

    def __init__(self, chain, ends):
        self.ends = ends
        settings = {"bootstrap.servers": chain.bootstrap, "group.id": chain.group, "isolation.level": "read_uncommitted"}
        self.reader = Consumer(settings)
        self.partitions = [TopicPartition(chain.input, partition) for partition in ends]
        self.offsets = dict.fromkeys(ends, 0)

    def begin(self):
        """Commits where the work begins. Without it librdkafka 2.16 asks the broker for the beginning of the log, and takes the
        answer for its position even if it has been told to seek meanwhile and comes to it later: records count twice then, with
        any broker.
        """
        places = [TopicPartition(place.topic, place.partition, 0) for place in self.partitions]
        deadline = time.monotonic() + PART_SECONDS
        while True:
            try:
                self.reader.commit(offsets=places, asynchronous=False)
                return
            except KafkaException:
                # There may be no coordinator for the group yet.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def look(self):
        # While the broker has no coordinator for the group yet, or its answer takes long, the offsets are as they were.
        with contextlib.suppress(KafkaException):
            for place in self.reader.committed(self.partitions, 2):
                self.offsets[place.partition] = max(place.offset, 0)

    def is_done(self):
        self.look()
        return all(self.offsets[partition] >= end for partition, end in self.ends.items())

    def records(self):
        """About how many records are done: the markers and what was aborted count too."""
        return RECORDS * sum(self.offsets.values()) / sum(self.ends.values())

    def __str__(self):
        return f"committed {self.offsets} of {self.ends}"


def run(name, bootstrap):
    chain = Chain(name, bootstrap)
    try:
        chain.run()
    except (Failed, KafkaException, subprocess.TimeoutExpired) as error:
        print(f"exactly-once-{name}: FAILED: {error}", file=sys.stderr, flush=True)
        chain.say("result = failed")
        return False
    chain.say("result = passed")
    return True


def main():
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(CHAINS):
        sys.exit("usage: run BOOTSTRAP [java|librdkafka]...")
    passed = [run(name, sys.argv[1]) for name in sys.argv[2:] or CHAINS]
    # A client that hangs has threads that never end; the interpreter would wait for them.
    os._exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
