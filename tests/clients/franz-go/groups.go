package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type namedBalancer struct {
	name     string
	balancer kgo.GroupBalancer
}

func balancers() []namedBalancer {
	return []namedBalancer{
		{"range", kgo.RangeBalancer()},
		{"round-robin", kgo.RoundRobinBalancer()},
		{"sticky", kgo.StickyBalancer()},
		{"cooperative-sticky", kgo.CooperativeStickyBalancer()},
	}
}

func groupScenarios() []scenario {
	var all []scenario
	for _, balancer := range balancers() {
		all = append(all,
			scenario{"group-two-" + balancer.name, func(t *T) { groupTwo(t, balancer) }},
			scenario{"group-three-" + balancer.name, func(t *T) { groupThree(t, balancer) }})
	}
	return append(all,
		scenario{"group-balancers-mixed", groupMixed},
		scenario{"group-two-topics", groupTwoTopics},
		scenario{"static-member", staticMember},
		scenario{"static-member-fenced", staticMemberFenced})
}

// member is a consumer of a group that polls all the time and remembers what it owns and what it got.
type member struct {
	t      *T
	client *kgo.Client
	stop   context.CancelFunc
	done   chan struct{}

	mutex    sync.Mutex
	owned    map[string]bool
	records  map[string]int
	assigned int
	revoked  int
	lost     int
	problem  error
}

func partitionName(topic string, partition int32) string {
	return fmt.Sprintf("%s/%d", topic[strings.LastIndex(topic, ".")+1:], partition)
}

func (t *T) member(group string, balancer kgo.GroupBalancer, topics []string, options ...kgo.Opt) *member {
	m := &member{t: t, done: make(chan struct{}), owned: map[string]bool{}, records: map[string]int{}}
	change := func(count *int, own bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
			if count == &m.revoked {
				// A client with such a function of its own does not commit by itself what it gives up.
				m.commitError(client.CommitUncommittedOffsets(ctx))
			}
			m.mutex.Lock()
			defer m.mutex.Unlock()
			*count++
			for topic, numbers := range partitions {
				for _, number := range numbers {
					if own {
						m.owned[partitionName(topic, number)] = true
					} else {
						delete(m.owned, partitionName(topic, number))
					}
				}
			}
		}
	}
	m.client = t.client(append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...), kgo.Balancers(balancer),
		kgo.HeartbeatInterval(100 * time.Millisecond), kgo.SessionTimeout(10 * time.Second), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(change(&m.assigned, true)), kgo.OnPartitionsRevoked(change(&m.revoked, false)), kgo.OnPartitionsLost(change(&m.lost, false)),
	}, options...)...)
	ctx, stop := context.WithCancel(t.ctx)
	m.stop = stop
	go m.poll(ctx)
	t.atEnd(stop)
	return m
}

// commitError remembers a commit that failed. One in a static member that is just going away is cut off by its end.
func (m *member) commitError(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err != nil && m.problem == nil && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) {
		m.problem = fmt.Errorf("commit of what is given up: %w", err)
	}
}

func (m *member) poll(ctx context.Context) {
	defer close(m.done)
	for ctx.Err() == nil {
		fetches := m.client.PollFetches(ctx)
		m.mutex.Lock()
		fetches.EachError(func(_ string, _ int32, err error) {
			if ctx.Err() == nil && !errors.Is(err, kgo.ErrClientClosed) && m.problem == nil {
				m.problem = err
			}
		})
		fetches.EachRecord(func(record *kgo.Record) { m.records[string(record.Value)]++ })
		stopped := m.problem != nil
		m.mutex.Unlock()
		if stopped {
			return
		}
	}
}

// leave ends the member: a dynamic one leaves its group, a static one only goes away.
func (m *member) leave() {
	m.stop()
	<-m.done
	m.client.Close()
}

func (m *member) partitions() []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var all []string
	for partition := range m.owned {
		all = append(all, partition)
	}
	return sorted(all)
}

func (m *member) failure() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.problem
}

// stable waits until the members own all partitions, each exactly one, and the broker calls the group stable.
func (t *T) stable(what, group string, partitions int, members ...*member) {
	admin := kadm.NewClient(t.client())
	var problem string
	settled := func() bool {
		owners := map[string]int{}
		for _, member := range members {
			t.ok("a member", member.failure())
			owned := member.partitions()
			if len(owned) == 0 {
				problem = "a member owns nothing"
				return false
			}
			for _, partition := range owned {
				owners[partition]++
			}
		}
		total := 0
		for _, count := range owners {
			total += count
		}
		described, err := admin.DescribeGroups(t.ctx, group)
		t.ok("describe the group", err)
		problem = fmt.Sprintf("%d partitions have %d owners, the group is %s with %d members", len(owners), total, described[group].State, len(described[group].Members))
		return len(owners) == partitions && total == partitions && described[group].State == "Stable" && len(described[group].Members) == len(members)
	}
	for !settled() {
		select {
		case <-t.ctx.Done():
			t.fail("%s: the group does not settle: %s", what, problem)
		case <-time.After(20 * time.Millisecond):
		}
	}
	var counts []int
	for _, member := range members {
		counts = append(counts, len(member.partitions()))
	}
	sort.Ints(counts)
	t.show(what+": partitions per member", counts)
	t.show(what+": group", t.groupText(group))
}

// groupText shows a group as kadm describes it.
func (t *T) groupText(group string) string {
	described, err := kadm.NewClient(t.client()).DescribeGroups(t.ctx, group)
	t.ok("describe the group", err)
	g := described[group]
	var members []string
	for _, member := range g.Members {
		assigned := 0
		if assignment, ok := member.Assigned.AsConsumer(); ok {
			for _, topic := range assignment.Topics {
				assigned += len(topic.Partitions)
			}
		}
		instance := "none"
		if member.InstanceID != nil {
			instance = *member.InstanceID
		}
		members = append(members, fmt.Sprintf("client %s host %s instance %s assigned %d", member.ClientID, member.ClientHost, instance, assigned))
	}
	return fmt.Sprintf("error %s state %s type %s protocol %s coordinator %d members %v", text(g.Err), g.State, g.ProtocolType, g.Protocol, g.Coordinator.NodeID, sorted(members))
}

// feeder produces numbered records into the partitions of topics in turn.
type feeder struct {
	t      *T
	client *kgo.Client
	sent   int
}

func (t *T) feeder() *feeder {
	return &feeder{t: t, client: t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))}
}

func (f *feeder) feed(count int, partitions int32, topics ...string) {
	var records []*kgo.Record
	for i := 0; i < count; i++ {
		records = append(records, &kgo.Record{Topic: topics[f.sent%len(topics)], Partition: int32(f.sent/len(topics)) % partitions, Value: []byte(fmt.Sprint("record ", f.sent))})
		f.sent++
	}
	f.t.ok("produce", f.client.ProduceSync(f.t.ctx, records...).FirstErr())
}

// received waits until the members have got every record. One may come twice, if it is polled while its partition is given up.
func (t *T) received(what string, count int, members ...*member) {
	missing := func() int {
		got := map[string]int{}
		for _, member := range members {
			t.ok("a member", member.failure())
			member.mutex.Lock()
			for value, times := range member.records {
				got[value] += times
			}
			member.mutex.Unlock()
		}
		left := 0
		for i := 0; i < count; i++ {
			if got[fmt.Sprint("record ", i)] == 0 {
				left++
			}
		}
		t.check(len(got) <= count, "%d different records came where %d were sent", len(got), count)
		return left
	}
	for missing() > 0 {
		select {
		case <-t.ctx.Done():
			t.fail("%s: %d of %d records did not come", what, missing(), count)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.show(what, fmt.Sprintf("all %d records consumed", count))
}

func groupTwo(t *T, balancer namedBalancer) {
	topic, _ := t.rawTopic("topic", 6)
	group := t.name + ".group"
	feeder := t.feeder()
	feeder.feed(60, 6, topic)
	first := t.member(group, balancer.balancer, []string{topic})
	t.stable("one", group, 6, first)
	t.received("with one", 60, first)
	second := t.member(group, balancer.balancer, []string{topic})
	feeder.feed(60, 6, topic)
	t.stable("two", group, 6, first, second)
	feeder.feed(60, 6, topic)
	t.received("with two", 180, first, second)
	first.leave()
	t.stable("the first left", group, 6, second)
	feeder.feed(60, 6, topic)
	t.received("with the second alone", 240, first, second)
	second.leave()
	t.show("all left: group", t.groupText(group))
	t.showOffsets(group)
}

// showOffsets prints what a group has committed.
func (t *T) showOffsets(group string) {
	offsets, err := kadm.NewClient(t.client()).FetchOffsets(t.ctx, group)
	t.ok("fetch offsets", err)
	var all []string
	offsets.Each(func(offset kadm.OffsetResponse) {
		t.ok("fetch offsets", offset.Err)
		all = append(all, fmt.Sprintf("%s=%d", partitionName(offset.Topic, offset.Partition), offset.At))
	})
	t.show("committed offsets", sorted(all))
}

func groupThree(t *T, balancer namedBalancer) {
	topic, _ := t.rawTopic("topic", 6)
	group := t.name + ".group"
	feeder := t.feeder()
	feeder.feed(60, 6, topic)
	first := t.member(group, balancer.balancer, []string{topic})
	second := t.member(group, balancer.balancer, []string{topic})
	t.stable("two at once", group, 6, first, second)
	third := t.member(group, balancer.balancer, []string{topic})
	feeder.feed(60, 6, topic)
	t.stable("three", group, 6, first, second, third)
	t.received("with three", 120, first, second, third)
	second.leave()
	feeder.feed(60, 6, topic)
	t.stable("the second left", group, 6, first, third)
	fourth := t.member(group, balancer.balancer, []string{topic})
	t.stable("a fourth came", group, 6, first, third, fourth)
	feeder.feed(60, 6, topic)
	t.received("in all", 240, first, second, third, fourth)
	for _, member := range []*member{first, third, fourth} {
		member.leave()
	}
	t.show("all left: group", t.groupText(group))
	t.showOffsets(group)
}

// groupMixed has members whose lists of protocols overlap in one only.
func groupMixed(t *T) {
	topic, _ := t.rawTopic("topic", 6)
	group := t.name + ".group"
	first := t.member(group, kgo.RangeBalancer(), []string{topic}, kgo.Balancers(kgo.StickyBalancer(), kgo.RangeBalancer()))
	t.stable("sticky or range", group, 6, first)
	second := t.member(group, kgo.RangeBalancer(), []string{topic}, kgo.Balancers(kgo.RangeBalancer(), kgo.RoundRobinBalancer()))
	t.stable("and range or round robin", group, 6, first, second)
	third := t.member(group, kgo.CooperativeStickyBalancer(), []string{topic})
	t.until("a member without a common protocol is refused", func() bool { return third.failure() != nil })
	t.show("a third with cooperative sticky only", errorName(third.failure()))
	t.stable("afterwards", group, 6, first, second)
}

// groupTwoTopics has members with different subscriptions.
func groupTwoTopics(t *T) {
	a, _ := t.rawTopic("a", 4)
	b, _ := t.rawTopic("b", 4)
	group := t.name + ".group"
	feeder := t.feeder()
	feeder.feed(40, 4, a, b)
	both := t.member(group, kgo.RangeBalancer(), []string{a, b})
	t.stable("one with both", group, 8, both)
	only := t.member(group, kgo.RangeBalancer(), []string{b})
	t.stable("and one with b only", group, 8, both, only)
	t.check(!strings.Contains(strings.Join(only.partitions(), " "), "a/"), "the member with b only owns %v", only.partitions())
	feeder.feed(40, 4, a, b)
	t.received("in all", 80, both, only)
}

func (m *member) changes() string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return fmt.Sprintf("%d assigned %d revoked %d lost", m.assigned, m.revoked, m.lost)
}

func staticMember(t *T) {
	topic, _ := t.rawTopic("topic", 6)
	group := t.name + ".group"
	feeder := t.feeder()
	feeder.feed(30, 6, topic)
	one := t.member(group, kgo.RangeBalancer(), []string{topic}, kgo.InstanceID("one"))
	t.stable("instance one", group, 6, one)
	two := t.member(group, kgo.RangeBalancer(), []string{topic}, kgo.InstanceID("two"))
	t.stable("and instance two", group, 6, one, two)
	t.received("with both", 30, one, two)
	before, changesBefore := two.partitions(), one.changes()
	_, generation := one.client.GroupMetadata()
	two.leave()
	t.show("two went away: group", t.groupText(group))
	feeder.feed(30, 6, topic)
	again := t.member(group, kgo.RangeBalancer(), []string{topic}, kgo.InstanceID("two"))
	t.until("the restarted member has its partitions", func() bool { return len(again.partitions()) == len(before) })
	t.equal("partitions of the restarted member", again.partitions(), before)
	t.stable("two is back", group, 6, one, again)
	t.received("with both again", 60, one, two, again)
	_, after := one.client.GroupMetadata()
	t.equal("generation of one", after, generation)
	t.equal("changes that one saw", one.changes(), changesBefore)
	t.show("what one noticed of the restart", "nothing")
	t.show("assignment of two", "the same")

	admin := kadm.NewClient(t.client())
	builder := kadm.LeaveGroup(group).Reason("the test asks for it").InstanceIDs("two", "unknown")
	left, err := admin.LeaveGroup(t.ctx, builder)
	t.ok("leave by instance id", err)
	for _, response := range left.Sorted() {
		t.show("leave by instance id "+response.InstanceID, text(response.Err))
	}
	t.until("one owns everything", func() bool { return len(one.partitions()) == 6 })
	t.show("two was removed: partitions of one", len(one.partitions()))
}

func staticMemberFenced(t *T) {
	topic, _ := t.rawTopic("topic", 6)
	group := t.name + ".group"
	first := t.member(group, kgo.RangeBalancer(), []string{topic}, kgo.InstanceID("same"))
	t.stable("the first", group, 6, first)
	second := t.member(group, kgo.RangeBalancer(), []string{topic}, kgo.InstanceID("same"))
	t.until("the first is fenced", func() bool { return first.failure() != nil })
	t.show("the first", errorName(first.failure()))
	t.until("the second owns everything", func() bool { return len(second.partitions()) == 6 })
	t.stable("the second", group, 6, second)
}
