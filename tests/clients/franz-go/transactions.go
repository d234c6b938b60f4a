package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func transactionScenarios() []scenario {
	return []scenario{
		{"transaction-ends", transactionEnds},
		{"transaction-fenced", transactionFenced},
		{"transaction-session", transactionSession},
		{"transaction-admin", transactionAdmin},
	}
}

func (t *T) transactional(suffix string, options ...kgo.Opt) *kgo.Client {
	return t.client(append([]kgo.Opt{kgo.TransactionalID(t.name + "." + suffix), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
}

func (t *T) write(client *kgo.Client, topic string, partition int32, value string) {
	record := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value), Timestamp: at(firstTimestamp)}
	t.ok("produce "+value, client.ProduceSync(t.ctx, record).FirstErr())
}

// awaitMarkers waits until a partition has so many offsets: Kafka answers before it has written the markers.
func (t *T) awaitMarkers(topic string, partition int32, end int64) {
	admin := kadm.NewClient(t.client())
	t.until("the markers are written", func() bool {
		offsets, err := admin.ListEndOffsets(t.ctx, topic)
		offset, there := offsets.Lookup(topic, partition)
		return err == nil && there && offset.Offset >= end
	})
}

// showVisible shows what either reader sees of a partition, up to a number of offsets.
func (t *T) showVisible(what, topic string, partition int32, end int64) {
	t.awaitMarkers(topic, partition, end)
	for _, isolation := range []struct {
		name  string
		level kgo.IsolationLevel
	}{{"read_uncommitted", kgo.ReadUncommitted()}, {"read_committed", kgo.ReadCommitted()}} {
		client := t.client(kgo.FetchIsolationLevel(isolation.level), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond),
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}))
		var seen []string
		for quiet := false; !quiet; {
			short, cancel := context.WithTimeout(t.ctx, 400*time.Millisecond)
			records := client.PollFetches(short).Records()
			cancel()
			for _, record := range records {
				if record.Attrs.IsControl() {
					seen = append(seen, fmt.Sprintf("%d:marker %x", record.Offset, record.Key))
				} else {
					seen = append(seen, fmt.Sprintf("%d:%s", record.Offset, record.Value))
				}
			}
			quiet = len(records) == 0
		}
		client.Close()
		t.show(what+", "+isolation.name, "["+strings.Join(seen, ", ")+"]")
	}
}

func transactionEnds(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	client := t.transactional("id")
	other := t.transactional("other")
	t.ok("begin", client.BeginTransaction())
	t.write(client, topic, 0, "committed 0")
	t.write(client, topic, 1, "committed 1")
	t.showVisible("open", topic, 0, 1)
	t.ok("commit", client.EndTransaction(t.ctx, kgo.TryCommit))
	t.showVisible("committed", topic, 0, 2)
	t.ok("begin", client.BeginTransaction())
	t.ok("begin", other.BeginTransaction())
	t.write(client, topic, 0, "aborted")
	t.write(other, topic, 0, "between")
	t.write(client, topic, 0, "aborted too")
	t.ok("abort", client.EndTransaction(t.ctx, kgo.TryAbort))
	t.showVisible("one aborted, one open", topic, 0, 6)
	t.ok("commit", other.EndTransaction(t.ctx, kgo.TryCommit))
	t.showVisible("both ended", topic, 0, 7)
	t.ok("begin", client.BeginTransaction())
	t.showError("begin twice", client.BeginTransaction())
	t.ok("commit of nothing", client.EndTransaction(t.ctx, kgo.TryCommit))
	t.showVisible("the other partition", topic, 1, 2)
}

func transactionFenced(t *T) {
	topic, _ := t.rawTopic("topic", 1)
	old := t.transactional("id")
	t.ok("begin", old.BeginTransaction())
	t.write(old, topic, 0, "old")
	young := t.transactional("id")
	t.ok("begin", young.BeginTransaction())
	t.write(young, topic, 0, "young")
	t.showError("the old one writes", old.ProduceSync(t.ctx, &kgo.Record{Topic: topic, Value: []byte("too late")}).FirstErr())
	t.showError("the old one commits", old.EndTransaction(t.ctx, kgo.TryCommit))
	t.ok("commit", young.EndTransaction(t.ctx, kgo.TryCommit))
	t.showVisible("in the end", topic, 0, 4)
}

// transactionSession consumes, and commits the offsets with what it makes of the records.
func transactionSession(t *T) {
	topic, _ := t.rawTopic("input", 1)
	output, _ := t.rawTopic("output", 1)
	group := t.name + ".group"
	t.produce(t.client(), numbered(topic, 10)...)
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(t.bootstrap), kgo.TransactionalID(t.name+".id"),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(50*time.Millisecond), kgo.FetchMaxWait(100*time.Millisecond))
	t.ok("a new session", err)
	t.atEnd(session.Close)
	for _, commit := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		t.ok("begin", session.Begin())
		count := 0
		for count < 10 {
			fetches := session.PollFetches(t.ctx)
			t.ok("poll", fetches.Err())
			for _, record := range fetches.Records() {
				t.ok("produce", session.ProduceSync(t.ctx, &kgo.Record{Topic: output, Value: record.Value, Timestamp: at(firstTimestamp)}).FirstErr())
				count++
			}
		}
		committed, err := session.End(t.ctx, commit)
		t.ok("end", err)
		t.show("committed", committed)
		t.showOffsetsInFull("offsets", group)
	}
	t.showVisible("output", output, 0, 22)
}

func (t *T) describeTransaction(admin *kadm.Client, suffix string) string {
	described, err := admin.DescribeTransactions(t.ctx, t.name+"."+suffix)
	t.ok("describe", err)
	transaction := described[t.name+"."+suffix]
	return fmt.Sprintf("%s epoch %d timeout %d partitions %v error %s", transaction.State, transaction.ProducerEpoch, transaction.TimeoutMillis, transaction.Topics.Sorted(), text(transaction.Err))
}

func transactionAdmin(t *T) {
	topic, _ := t.rawTopic("topic", 1)
	admin := kadm.NewClient(t.client())
	t.show("unknown", t.describeTransaction(admin, "id"))
	client := t.transactional("id")
	t.ok("begin", client.BeginTransaction())
	t.write(client, topic, 0, "open")
	t.show("open", t.describeTransaction(admin, "id"))
	producers, err := admin.DescribeProducers(t.ctx, kadm.TopicsSet{topic: {0: {}}})
	t.ok("describe producers", err)
	for _, producer := range producers.SortedProducers() {
		t.show("producer", fmt.Sprintf("epoch %d sequence %d coordinator epoch %d transaction from %d", producer.ProducerEpoch, producer.LastSequence, producer.CoordinatorEpoch, producer.CurrentTxnStartOffset))
	}
	listed, err := admin.ListTransactionsByTxPattern(t.ctx, nil, []string{"Ongoing"}, t.name+"[.].*")
	t.ok("list", err)
	for _, transaction := range listed.Sorted() {
		t.show("listed", transaction.TxnID+" "+transaction.State)
	}
	t.ok("commit", client.EndTransaction(t.ctx, kgo.TryCommit))
	t.awaitMarkers(topic, 0, 2)
	t.until("it has ended", func() bool { return strings.HasPrefix(t.describeTransaction(admin, "id"), "Complete") })
	t.show("ended", t.describeTransaction(admin, "id"))
}
