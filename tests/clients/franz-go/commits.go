package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func commitScenarios() []scenario {
	return []scenario{
		{"commit-resume", commitResume},
		{"commit-standalone", commitStandalone},
		{"commit-outdated", commitOutdated},
		{"commit-automatic", commitAutomatic},
		{"offsets-many-groups", offsetsManyGroups},
	}
}

func (t *T) groupClient(group, topic string, options ...kgo.Opt) *kgo.Client {
	return t.client(append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(kgo.RangeBalancer()),
		kgo.HeartbeatInterval(100 * time.Millisecond), kgo.FetchMaxWait(300 * time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}, options...)...)
}

// withMetadata has every commit of a context carry a text.
func withMetadata(ctx context.Context, text string) context.Context {
	return kgo.PreCommitFnContext(ctx, func(request *kmsg.OffsetCommitRequest) error {
		for i := range request.Topics {
			for j := range request.Topics[i].Partitions {
				request.Topics[i].Partitions[j].Metadata = &text
			}
		}
		return nil
	})
}

func (t *T) showOffsetsInFull(what, group string) {
	offsets, err := kadm.NewClient(t.client()).FetchOffsets(t.ctx, group)
	t.ok("fetch offsets", err)
	for _, offset := range offsets.Sorted() {
		t.show(what+" "+partitionName(offset.Topic, offset.Partition), fmt.Sprintf("offset %d epoch %d metadata %q error %s", offset.At, offset.LeaderEpoch, uuid.ReplaceAllString(offset.Metadata, "<uuid>"), text(offset.Err)))
	}
}

func commitResume(t *T) {
	topic, _ := t.rawTopic("topic", 1)
	group := t.name + ".group"
	t.produce(t.client(), numbered(topic, 20)...)
	first := t.groupClient(group, topic, kgo.DisableAutoCommit())
	records := t.poll(first, 20)
	t.ok("commit", first.CommitRecords(withMetadata(t.ctx, "the seventh, größe"), records[6]))
	t.showOffsetsInFull("committed", group)
	first.Close()
	second := t.groupClient(group, topic, kgo.DisableAutoCommit())
	resumed := t.poll(second, 13)
	t.sameRecord("the first record after the commit", resumed[0], records[7])
	t.show("resumed at", recordText(resumed[0]))

	// Not waited for by the caller: the outcome comes to a function.
	outcome := make(chan error, 1)
	second.CommitOffsets(withMetadata(t.ctx, "not waited for"), map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: 0, Offset: 12}}},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			if err == nil {
				err = errorOf(response.Topics[0].Partitions[0].ErrorCode)
			}
			outcome <- err
		})
	t.ok("commit that is not waited for", <-outcome)
	t.showOffsetsInFull("committed", group)
	t.ok("commit all", second.CommitUncommittedOffsets(t.ctx))
	t.showOffsetsInFull("committed", group)
	second.Close()
	third := t.groupClient(group, topic, kgo.DisableAutoCommit())
	t.produce(t.client(), &kgo.Record{Topic: topic, Value: []byte("one more"), Timestamp: at(firstTimestamp)})
	t.show("resumed at", recordText(t.poll(third, 1)[0]))
	t.show("the client's own view", fmt.Sprint(third.CommittedOffsets()[topic][0].Offset))
}

func commitStandalone(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	group := t.name + ".group"
	admin := kadm.NewClient(t.client())
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 5, LeaderEpoch: 0, Metadata: "assigned"})
	offsets.Add(kadm.Offset{Topic: topic, Partition: 1, At: 9, LeaderEpoch: -1})
	t.ok("commit", admin.CommitAllOffsets(t.ctx, group, offsets))
	t.showOffsetsInFull("committed", group)
	t.show("group", t.groupText(group))
	t.produce(t.client(), numbered(topic, 1)...)

	// Offsets of what is not there.
	var wrong kadm.Offsets
	wrong.Add(kadm.Offset{Topic: topic, Partition: 7, At: 1, LeaderEpoch: -1})
	wrong.Add(kadm.Offset{Topic: t.name + ".unknown", Partition: 0, At: 1, LeaderEpoch: -1})
	responses, err := admin.CommitOffsets(t.ctx, group, wrong)
	t.ok("commit", err)
	for _, response := range responses.Sorted() {
		t.show("commit for "+partitionName(response.Topic, response.Partition), text(response.Err))
	}
	fetched, err := admin.FetchOffsetsForTopics(t.ctx, t.name+".nobody", topic)
	t.ok("fetch offsets", err)
	for _, offset := range fetched.Sorted() {
		t.show("of a group that is not there "+partitionName(offset.Topic, offset.Partition), fmt.Sprintf("offset %d error %s", offset.At, text(offset.Err)))
	}
}

func commitOutdated(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	group := t.name + ".group"
	member := t.member(group, kgo.RangeBalancer(), []string{topic}, kgo.DisableAutoCommit())
	t.stable("one", group, 2, member)
	admin := kadm.NewClient(t.client())
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 1, LeaderEpoch: -1})
	t.showError("commit of a stranger to a group with members", admin.CommitAllOffsets(t.ctx, group, offsets))
	id, generation := member.client.GroupMetadata()
	commit := func(what, id string, generation int32) {
		request := commitRequest(group, committed{topic, [16]byte{}, 0, 1, -1, nil})
		request.MemberID, request.Generation = id, generation
		topicID, err := admin.ListTopics(t.ctx, topic)
		t.ok("list topics", err)
		request.Topics[0].TopicID = topicID[topic].ID
		response, err := request.RequestWith(t.ctx, t.client())
		t.ok("commit", err)
		t.show(what, codeName(response.Topics[0].Partitions[0].ErrorCode))
	}
	commit("commit with the member's generation", id, generation)
	commit("commit with the generation before", id, generation-1)
	commit("commit with an unknown member", "nobody", generation)
	member.leave()
	commit("commit of a member that left", id, generation)
	t.ok("commit of a stranger when all have left", admin.CommitAllOffsets(t.ctx, group, offsets))
	t.showOffsetsInFull("committed", group)
}

// commitAutomatic relies on the commits that the client makes by itself when it closes.
func commitAutomatic(t *T) {
	topic, _ := t.rawTopic("topic", 1)
	group := t.name + ".group"
	t.produce(t.client(), numbered(topic, 10)...)
	first := t.groupClient(group, topic, kgo.AutoCommitMarks(), kgo.AutoCommitInterval(100*time.Millisecond))
	records := t.poll(first, 10)
	first.MarkCommitRecords(records[3])
	first.Close()
	t.showOffsetsInFull("after marks", group)
	second := t.groupClient(group, topic, kgo.AutoCommitInterval(100*time.Millisecond))
	t.show("resumed at", t.poll(second, 6)[0].Offset)
	// What one poll returned is committed once the next poll begins.
	short, cancel := context.WithTimeout(t.ctx, 100*time.Millisecond)
	defer cancel()
	second.PollFetches(short)
	admin := kadm.NewClient(t.client())
	t.until("the offsets are committed in the background", func() bool {
		offsets, err := admin.FetchOffsets(t.ctx, group)
		offset, ok := offsets.Lookup(topic, 0)
		return err == nil && ok && offset.At == 10
	})
	t.showOffsetsInFull("in the background", group)
}

func offsetsManyGroups(t *T) {
	topic, _ := t.rawTopic("topic", 1)
	admin := kadm.NewClient(t.client())
	var groups []string
	for i := 0; i < 5; i++ {
		group := fmt.Sprintf("%s.%d", t.name, i)
		groups = append(groups, group)
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: int64(i), LeaderEpoch: -1, Metadata: group})
		t.ok("commit", admin.CommitAllOffsets(t.ctx, group, offsets))
	}
	all := admin.FetchManyOffsets(t.ctx, append(groups, t.name+".nobody")...)
	for _, group := range append(groups, t.name+".nobody") {
		response := all[group]
		t.ok("fetch offsets of "+group, response.Err)
		offset, ok := response.Fetched.Lookup(topic, 0)
		t.show(group, fmt.Sprintf("there %v offset %d metadata %q", ok, offset.At, offset.Metadata))
	}
	t.produce(t.client(), numbered(topic, 7)...)
	lags, err := admin.Lag(t.ctx, groups...)
	t.ok("lag", err)
	for _, group := range sorted(groups) {
		t.show("lag of "+group, fmt.Sprintf("%d, state %s", lags[group].Lag[topic][0].Lag, lags[group].State))
	}
}
