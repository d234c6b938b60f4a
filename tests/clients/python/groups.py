"""The scenarios of consumer groups, written once: each program brings its client and its member.

The client has `create_topic(name, partitions)`, `produce(topic, records)`, `member(group, topic, name, assignor, instance)`,
`describe(group)` and `committed(group, topic, partitions)`. A member has a `name`, `records` (all that it got so far), `error`
(the name of the error that ended its membership), `assignments` (how often it was given partitions), `poll()` (waits some
50 ms at most), `partitions()` and `close()`.
"""

import os
import signal
import subprocess
import sys
from collections import namedtuple

from harness import Mismatch, plain_records, wait_until

PARTITIONS = 6
RECORDS = 60

# `members` maps a client id to its partitions, `instances` a client id to its group.instance.id.
Described = namedtuple("Described", "state protocol_type protocol members instances hosts")


class Group:
    """A group on a topic of its own, with the members that are alive now."""

    def __init__(self, seen, client, name, assignor):
        self.seen, self.client, self.name, self.assignor = seen, client, name, assignor
        self.topic = name + "-topic"
        self.members = {}
        # Those that left too: what they got while they left counts.
        self.everyone = []
        self.produced = 0
        client.create_topic(self.topic, PARTITIONS)

    def join(self, name, instance=None):
        self.members[name] = self.client.member(self.name, self.topic, name, self.assignor, instance)
        self.everyone.append(self.members[name])

    def leave(self, name):
        self.members.pop(name).close()

    def poll(self):
        for member in self.members.values():
            member.poll()

    def stable(self, what, others=()):
        """Waits until the broker and the members agree on who owns what, and shows it.

        `others` are members that live in other processes, of which only the broker's view is known.
        """
        names = {*self.members, *others}

        def agreed():
            self.poll()
            owned = {name: member.partitions() for name, member in self.members.items()}
            described = self.client.describe(self.name)
            if described.state != "Stable" or set(described.members) != names:
                return None
            if any(described.members[name] != partitions for name, partitions in owned.items()):
                return None
            covered = sorted(p for partitions in described.members.values() for p in partitions)
            return described if covered == list(range(PARTITIONS)) else None

        described = wait_until(agreed, f"a stable group of {sorted(names)}")
        self.seen.saw(f"{what}: group", f"{described.state} {described.protocol_type} {described.protocol}")
        self.seen.saw(f"{what}: hosts", described.hosts)
        self.seen.saw(f"{what}: partitions", self.shape(described.members))
        return described.members

    def shape(self, members):
        # These two go by the order of the member ids, which begin with the client id, so who owns what is known;
        # the sticky ones depend on history.
        if self.assignor in ("range", "roundrobin"):
            return members
        return sorted(len(partitions) for partitions in members.values())

    def new_records(self):
        records = plain_records(RECORDS, PARTITIONS, start=self.produced)
        first_offset = self.produced // PARTITIONS
        self.produced += RECORDS
        return records, first_offset

    def produce_and_consume(self, what):
        """In a stable group: each record comes exactly once, to the member that owns its partition."""
        records, first_offset = self.new_records()
        before = {name: len(member.records) for name, member in self.members.items()}
        self.client.produce(self.topic, records)

        def fresh():
            return [(m, r) for name, m in self.members.items() for r in m.records[before[name] :]]

        def all_came():
            self.poll()
            return len(fresh()) >= RECORDS

        wait_until(all_came, f"{RECORDS} records, {what}")
        for member, record in fresh():
            if record.partition not in member.partitions():
                raise Mismatch(f"{what}: {member.name} got a record of partition {record.partition}, which it does not own")
        self.seen.records(what, [record for _, record in fresh()], records, first_offset)

    def produce_while(self, what, change):
        """Across a rebalance: each record comes at least once; which ones come again depends on timing."""
        records, first_offset = self.new_records()
        self.client.produce(self.topic, records)
        change()

        def came():
            self.poll()
            fresh = [r for member in self.everyone for r in member.records if r.offset >= first_offset]
            unique = {(r.partition, r.offset): r for r in fresh}
            return unique if len(unique) >= RECORDS else None

        self.seen.records(what, wait_until(came, f"{RECORDS} records, {what}").values(), records, first_offset)

    def all_committed(self):
        expected = dict.fromkeys(range(PARTITIONS), self.produced // PARTITIONS)

        def done():
            self.poll()
            return self.client.committed(self.name, self.topic, PARTITIONS) == expected

        wait_until(done, "the commits of all that was read")

    def emptied(self):
        described = self.client.describe(self.name)
        self.seen.equal("after all left: state", described.state, "Empty")
        self.seen.equal("after all left: members", described.members, {})
        committed = self.client.committed(self.name, self.topic, PARTITIONS)
        self.seen.equal("after all left: committed", committed, dict.fromkeys(range(PARTITIONS), self.produced // PARTITIONS))


def kept(before, after):
    """How many partitions stayed with their owner."""
    return sum(len(set(partitions) & set(after.get(name, ()))) for name, partitions in before.items())


def two(seen, client, assignor):
    group = Group(seen, client, f"group-two-{assignor}", assignor)
    group.join("a")
    group.stable("one member")
    group.produce_and_consume("one member")
    group.produce_while("while the second joins", lambda: group.join("b"))
    group.stable("two members")
    group.produce_and_consume("two members")
    group.produce_while("while the second leaves", lambda: group.leave("b"))
    group.stable("one member again")
    group.produce_and_consume("one member again")
    group.leave("a")
    group.emptied()


def three(seen, client, assignor):
    group = Group(seen, client, f"group-three-{assignor}", assignor)
    for name in "abc":
        group.join(name)
    first = group.stable("three members")
    group.produce_and_consume("three members")
    group.leave("a")
    second = group.stable("the first left")
    group.produce_and_consume("the first left")
    group.join("d")
    third = group.stable("a fourth came")
    group.produce_and_consume("a fourth came")
    if "sticky" in assignor:
        seen.equal("partitions kept when the first left", kept(first, second), 4)
        seen.equal("partitions kept when a fourth came", kept(second, third), 4)
    group.leave("b")
    group.leave("c")
    group.stable("one is left")
    group.produce_and_consume("one is left")
    group.leave("d")
    group.emptied()


def static_member(seen, client):
    """A static member may go and come back without the others noticing."""
    group = Group(seen, client, "static-member", "range")
    group.join("a", "instance-a")
    group.join("b", "instance-b")
    before = group.stable("two members")
    seen.saw("instances", client.describe(group.name).instances)
    group.produce_and_consume("two members")
    rebalances = group.members["b"].assignments

    group.leave("a")
    described = client.describe(group.name)
    seen.equal("after closing: state", described.state, "Stable")
    seen.equal("after closing: members", described.members, before)
    group.join("a", "instance-a")
    after = group.stable("restarted")
    group.produce_and_consume("restarted")
    seen.equal("restarted: same partitions", after == before, True)
    seen.equal("restarted: the other saw no rebalance", group.members["b"].assignments == rebalances, True)


def static_member_fenced(seen, client):
    """A second live member with the same instance id takes the place of the first, which learns it."""
    group = Group(seen, client, "static-member-fenced", "range")
    group.join("a", "instance-a")
    group.join("b", "instance-b")
    group.stable("two members")
    group.produce_and_consume("two members")
    rebalances = group.members["b"].assignments
    # What the first has not committed yet would come again.
    group.all_committed()
    fenced = group.members["a"]
    group.join("a", "instance-a")

    def is_fenced():
        fenced.poll()
        group.poll()
        return fenced.error

    seen.saw("the first is fenced", wait_until(is_fenced, "the fencing of the first"))
    group.stable("the second took over")
    group.produce_and_consume("the second took over")
    seen.equal("took over: the other saw no rebalance", group.members["b"].assignments == rebalances, True)
    fenced.close()


def members_die(seen, client, program):
    """A killed member and a frozen one lose their partitions after the session timeout; the frozen one comes back."""
    group = Group(seen, client, "members-die", "range")
    group.join("a")
    killed = outside(program, seen, group, "b-killed")
    frozen = outside(program, seen, group, "c-frozen")
    try:
        group.stable("three members", ["b-killed", "c-frozen"])
        killed.kill()
        frozen.send_signal(signal.SIGSTOP)
        group.stable("one killed, one frozen")
        group.produce_and_consume("one killed, one frozen")
        frozen.send_signal(signal.SIGCONT)
        group.stable("the frozen one came back", ["c-frozen"])
    finally:
        for process in (killed, frozen):
            process.kill()
            process.wait()


def outside(program, seen, group, name):
    """A member in a process of its own, which this file's `be_a_member` runs."""
    arguments = [sys.executable, "-B", program, "--member", seen.bootstrap, group.name, group.topic, name, group.assignor]
    return subprocess.Popen(arguments, stdout=subprocess.DEVNULL)


def be_a_member(make_client):
    """When the program was started as a member: polls as long as the program that started it lives."""
    if sys.argv[1:2] != ["--member"]:
        return
    bootstrap, group, topic, name, assignor = sys.argv[2:]
    parent = os.getppid()
    member = make_client(bootstrap).member(group, topic, name, assignor, None)
    while os.getppid() == parent:
        member.poll()
    os._exit(0)
