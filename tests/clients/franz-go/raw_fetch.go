package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func rawFetchScenarios() []scenario {
	return []scenario{
		{"raw-fetch", rawFetch},
		{"raw-fetch-limits", rawFetchLimits},
		{"raw-fetch-epochs", rawFetchEpochs},
		{"raw-fetch-wait", rawFetchWait},
		{"raw-fetch-sessions", rawFetchSessions},
		{"raw-fetch-sessions-topics", rawFetchSessionsTopics},
		{"raw-list-offsets", rawListOffsets},
		{"raw-offset-for-leader-epoch", rawOffsetForLeaderEpoch},
	}
}

func fetchPartition(partition int32, offset int64) kmsg.FetchRequestTopicPartition {
	entry := kmsg.NewFetchRequestTopicPartition()
	entry.Partition, entry.FetchOffset = partition, offset
	entry.CurrentLeaderEpoch, entry.LastFetchedEpoch, entry.LogStartOffset = -1, -1, -1
	entry.PartitionMaxBytes = 1 << 20
	return entry
}

func fetchTopic(topic string, id [16]byte, partitions ...kmsg.FetchRequestTopicPartition) kmsg.FetchRequestTopic {
	entry := kmsg.NewFetchRequestTopic()
	entry.Topic, entry.TopicID, entry.Partitions = topic, id, partitions
	return entry
}

// fetchRequest is one outside of any session that does not wait.
func fetchRequest(topics ...kmsg.FetchRequestTopic) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.ReplicaID, request.MaxBytes, request.SessionEpoch = -1, 50<<20, -1
	request.Topics = topics
	return request
}

func rawFetch(t *T) {
	topic, id := t.rawTopic("topic", 3)
	t.fill(topic, 0, 3)
	r := t.raw()
	r.show("a batch of three", 9, produceRequest(topic, id, 1, batchBytes(newBatch("a", "b", "c"))))
	for version := int16(4); version <= 18; version++ {
		r.show("from the start", version, fetchRequest(fetchTopic(topic, id, fetchPartition(0, 0), fetchPartition(1, 0))))
		r.show("from 2", version, fetchRequest(fetchTopic(topic, id, fetchPartition(0, 2))))
		r.show("middle of a batch", version, fetchRequest(fetchTopic(topic, id, fetchPartition(1, 1))))
		r.show("at the end", version, fetchRequest(fetchTopic(topic, id, fetchPartition(0, 3))))
		r.show("empty partition", version, fetchRequest(fetchTopic(topic, id, fetchPartition(2, 0))))
		r.show("beyond the end", version, fetchRequest(fetchTopic(topic, id, fetchPartition(0, 4))))
		r.show("negative offset", version, fetchRequest(fetchTopic(topic, id, fetchPartition(0, -1))))
		r.show("unknown partition", version, fetchRequest(fetchTopic(topic, id, fetchPartition(3, 0))))
		r.show("unknown topic", version, fetchRequest(fetchTopic(t.name+".unknown", [16]byte{5}, fetchPartition(0, 0))))
		committed := fetchRequest(fetchTopic(topic, id, fetchPartition(0, 1)))
		committed.IsolationLevel = 1
		r.show("read committed", version, committed)
		r.show("some of each", version, fetchRequest(fetchTopic(topic, id, fetchPartition(0, 9), fetchPartition(1, 0), fetchPartition(8, 0)), fetchTopic(t.name+".unknown", [16]byte{5}, fetchPartition(0, 0))))
		r.show("nothing", version, fetchRequest())
	}
	r.show("zero topic id", 13, fetchRequest(fetchTopic(topic, [16]byte{}, fetchPartition(0, 0))))
	r.show("the same partition twice", 12, fetchRequest(fetchTopic(topic, id, fetchPartition(1, 0), fetchPartition(1, 0))))
	racked := fetchRequest(fetchTopic(topic, id, fetchPartition(1, 0)))
	racked.Rack = "somewhere"
	r.show("from a rack", 12, racked)
}

// rawFetchLimits counts whole batches, because a broker may cut the last one off where the limit is.
func rawFetchLimits(t *T) {
	topic, id := t.rawTopic("topic", 2)
	r := t.raw()
	// Four batches of 1000 bytes in each partition.
	for partition := int32(0); partition < 2; partition++ {
		for i := 0; i < 4; i++ {
			batch := batchBytes(newBatch(strings.Repeat("x", 1000-len(batchBytes(newBatch(strings.Repeat("x", 900))))+900)))
			t.equal("bytes of a batch", len(batch), 1000)
			produced := ask[*kmsg.ProduceResponse](r, 9, produceRequest(topic, id, partition, batch))
			t.equal("offset", produced.Topics[0].Partitions[0].BaseOffset, int64(i))
		}
	}
	limited := func(partitionLimits [2]int32, total int32, offset int64) *kmsg.FetchRequest {
		first, second := fetchPartition(0, offset), fetchPartition(1, offset)
		first.PartitionMaxBytes, second.PartitionMaxBytes = partitionLimits[0], partitionLimits[1]
		request := fetchRequest(fetchTopic(topic, id, first, second))
		request.MaxBytes = total
		return request
	}
	for _, version := range []int16{4, 12, 18} {
		for _, limits := range []struct {
			partitions [2]int32
			total      int32
		}{
			{[2]int32{1, 1}, 1 << 20},
			{[2]int32{0, 0}, 1 << 20},
			{[2]int32{999, 999}, 1 << 20},
			{[2]int32{1000, 1000}, 1 << 20},
			{[2]int32{1999, 2000}, 1 << 20},
			{[2]int32{2500, 1 << 20}, 1 << 20},
			{[2]int32{1 << 20, 1 << 20}, 0},
			{[2]int32{1 << 20, 1 << 20}, 1},
			{[2]int32{1 << 20, 1 << 20}, 999},
			{[2]int32{1 << 20, 1 << 20}, 4000},
			{[2]int32{1 << 20, 1 << 20}, 5000},
			{[2]int32{1 << 20, 1 << 20}, 5500},
			{[2]int32{1000, 1 << 20}, 3000},
		} {
			response := ask[*kmsg.FetchResponse](r, version, limited(limits.partitions, limits.total, 0))
			var whole []int
			for _, partition := range response.Topics[0].Partitions {
				whole = append(whole, len(partition.RecordBatches)/1000)
			}
			t.show(fmt.Sprintf("v%d partition limits %v total %d: whole batches", version, limits.partitions, limits.total), whole)
		}
	}
	// The partition with no data does not use up the allowance of the first batch.
	behind := fetchRequest(fetchTopic(topic, id, fetchPartition(0, 4), fetchPartition(1, 3)))
	behind.MaxBytes = 1
	r.show("an empty partition first", 12, behind)
}

func rawFetchEpochs(t *T) {
	topic, id := t.rawTopic("topic", 1)
	t.fill(topic, 0, 2)
	r := t.raw()
	for version := int16(9); version <= 18; version++ {
		for _, epoch := range []int32{0, 1, -1, -2} {
			partition := fetchPartition(0, 0)
			partition.CurrentLeaderEpoch = epoch
			r.show(fmt.Sprintf("leader epoch %d", epoch), version, fetchRequest(fetchTopic(topic, id, partition)))
		}
		if version < 12 {
			continue
		}
		for _, last := range []struct {
			epoch  int32
			offset int64
		}{{0, 0}, {0, 2}, {1, 1}, {5, 0}} {
			partition := fetchPartition(0, last.offset)
			partition.CurrentLeaderEpoch, partition.LastFetchedEpoch = 0, last.epoch
			r.show(fmt.Sprintf("offset %d after epoch %d", last.offset, last.epoch), version, fetchRequest(fetchTopic(topic, id, partition)))
		}
	}
}

// rawFetchWait looks at how long a fetch waits, and that what it waits for ends the wait.
func rawFetchWait(t *T) {
	topic, id := t.rawTopic("topic", 2)
	t.fill(topic, 0, 1)
	producer := t.raw()
	waiting := func(minBytes, maxWait int32, topics ...kmsg.FetchRequestTopic) *kmsg.FetchRequest {
		request := fetchRequest(topics...)
		request.MinBytes, request.MaxWaitMillis = minBytes, maxWait
		return request
	}
	end := fetchTopic(topic, id, fetchPartition(0, 1), fetchPartition(1, 0))
	for _, version := range []int16{4, 12, 18} {
		r := t.raw()
		timed := func(what string, request *kmsg.FetchRequest) {
			started := time.Now()
			r.show(what, version, request)
			t.show(fmt.Sprintf("v%d %s: answered", version, what), whenText(time.Since(started)))
		}
		timed("nothing there, wait 500 ms", waiting(1, 500, end))
		timed("min bytes 0", waiting(0, 500, end))
		timed("enough there", waiting(1, 500, fetchTopic(topic, id, fetchPartition(0, 0))))
		timed("not enough there, wait 500 ms", waiting(1000, 500, fetchTopic(topic, id, fetchPartition(0, 0))))
		timed("an error does not wait", waiting(1, 500, fetchTopic(topic, id, fetchPartition(0, 0), fetchPartition(1, 99))))
		timed("an unknown partition beside a known one, wait 500 ms", waiting(1, 500, fetchTopic(topic, id, fetchPartition(0, 1), fetchPartition(9, 0))))
		timed("an unknown partition alone", waiting(1, 500, fetchTopic(topic, id, fetchPartition(9, 0))))
	}

	r := t.raw()
	r.send(withVersion(12, waiting(1, 10000, end)))
	// A second request on the same connection must be answered after the first one.
	r.send(withVersion(12, waiting(0, 0, fetchTopic(topic, id, fetchPartition(0, 0)))))
	time.Sleep(100 * time.Millisecond)
	started := time.Now()
	producer.show("wakes", 9, produceRequest(topic, id, 1, batchBytes(newBatch("wake up"))))
	r.showNext("woken", 12)
	t.check(time.Since(started) < time.Second, "the fetch was woken after %v", time.Since(started))
	r.showNext("the request behind it", 12)

	r.send(withVersion(12, waiting(300, 10000, fetchTopic(topic, id, fetchPartition(0, 1), fetchPartition(1, 1)))))
	for i := int32(0); i < 4; i++ {
		producer.show(fmt.Sprintf("a little, %d", i), 9, produceRequest(topic, id, i%2, batchBytes(newBatch(strings.Repeat("x", 30)))))
	}
	r.showNext("enough together", 12)

	gone := t.raw()
	gone.send(withVersion(12, waiting(1, 10000, fetchTopic(topic, id, fetchPartition(0, 9)))))
	gone.receive()
	deleted, deletedID := t.rawTopic("deleted", 1)
	gone.send(withVersion(12, waiting(1, 3000, fetchTopic(deleted, deletedID, fetchPartition(0, 0)))))
	time.Sleep(100 * time.Millisecond)
	producer.show("delete while a fetch waits", 6, deleteByName(deleted))
	response := gone.receive().(*kmsg.FetchResponse)
	t.show("a fetch whose topic is deleted", fmt.Sprintf("answered with %d bytes", len(response.Topics[0].Partitions[0].RecordBatches)))
}

// whenText tells whether an answer waited for the 500 ms that the requests here give it.
func whenText(took time.Duration) string {
	switch {
	case took < 400*time.Millisecond:
		return "at once"
	case took > 490*time.Millisecond && took < 1500*time.Millisecond:
		return "after 500 ms"
	default:
		return fmt.Sprintf("after %v", took)
	}
}

func sessioned(session, epoch int32, topics ...kmsg.FetchRequestTopic) *kmsg.FetchRequest {
	request := fetchRequest(topics...)
	request.SessionID, request.SessionEpoch = session, epoch
	return request
}

func forgotten(request *kmsg.FetchRequest, topic string, id [16]byte, partitions ...int32) *kmsg.FetchRequest {
	entry := kmsg.NewFetchRequestForgottenTopic()
	entry.Topic, entry.TopicID, entry.Partitions = topic, id, partitions
	request.ForgottenTopics = append(request.ForgottenTopics, entry)
	return request
}

func rawFetchSessions(t *T) {
	for _, version := range []int16{7, 12, 13, 18} {
		t.fetchSessions(version)
	}
}

func (t *T) fetchSessions(version int16) {
	topic, id := t.rawTopic(fmt.Sprintf("v%d", version), 3)
	t.fill(topic, 0, 2)
	t.fill(topic, 1, 1)
	r := t.raw()
	add := func(partition int32, value string) {
		r.show("more", 9, produceRequest(topic, id, partition, batchBytes(newBatch(value))))
	}
	full := fetchTopic(topic, id, fetchPartition(0, 0), fetchPartition(1, 0), fetchPartition(2, 0))
	opened := ask[*kmsg.FetchResponse](r, version, sessioned(0, 0, full))
	session := opened.SessionID
	t.check(session > 0, "the session's id is %d", session)
	t.dump(fmt.Sprintf("v%d full", version), opened)
	r.show("the same once more", version, sessioned(session, 1))
	r.show("moved to the end", version, sessioned(session, 2, fetchTopic(topic, id, fetchPartition(0, 2), fetchPartition(1, 1))))
	r.show("nothing new", version, sessioned(session, 3))
	add(2, "first")
	r.show("new in partition 2", version, sessioned(session, 4))
	r.show("partition 2 moved on", version, sessioned(session, 5, fetchTopic(topic, id, fetchPartition(2, 1))))
	add(1, "second")
	r.show("partition 1 forgotten", version, forgotten(sessioned(session, 6), topic, id, 1))
	r.show("partition 1 back", version, sessioned(session, 7, fetchTopic(topic, id, fetchPartition(1, 1))))
	r.show("one out of range", version, sessioned(session, 8, fetchTopic(topic, id, fetchPartition(0, 50))))
	r.show("still out of range", version, sessioned(session, 9))
	r.show("an unknown partition", version, sessioned(session, 10, fetchTopic(topic, id, fetchPartition(0, 2), fetchPartition(7, 0))))
	r.show("still unknown", version, sessioned(session, 11))
	r.show("unknown one forgotten", version, forgotten(sessioned(session, 12), topic, id, 7))
	r.show("forgot what was not there", version, forgotten(sessioned(session, 13), topic, id, 9))
	r.show("wrong epoch", version, sessioned(session, 99))
	r.show("old epoch", version, sessioned(session, 13))
	r.show("right epoch after all", version, sessioned(session, 14))
	r.show("unknown session", version, sessioned(session+1, 1))
	r.show("unknown session's end", version, sessioned(session+1, -1))
	r.show("no session but an epoch", version, sessioned(0, 5, full))
	replaced := ask[*kmsg.FetchResponse](r, version, sessioned(session, 0, full))
	t.check(replaced.SessionID > 0 && replaced.SessionID != session, "the session that replaces %d is %d", session, replaced.SessionID)
	t.dump(fmt.Sprintf("v%d replaced by a new session", version), replaced)
	r.show("the old one afterwards", version, sessioned(session, 15))
	r.show("the new one goes on", version, sessioned(replaced.SessionID, 1, fetchTopic(topic, id, fetchPartition(0, 2), fetchPartition(1, 2), fetchPartition(2, 1))))
	r.show("its end, with a last fetch", version, sessioned(replaced.SessionID, -1, fetchTopic(topic, id, fetchPartition(2, 0))))
	r.show("after its end", version, sessioned(replaced.SessionID, 2))
	empty := ask[*kmsg.FetchResponse](r, version, sessioned(0, 0))
	t.dump(fmt.Sprintf("v%d full without partitions", version), empty)

	other := t.raw()
	second := ask[*kmsg.FetchResponse](other, version, sessioned(0, 0, fetchTopic(topic, id, fetchPartition(0, 2)))).SessionID
	waiting := sessioned(second, 1)
	waiting.MinBytes, waiting.MaxWaitMillis = 1, 10000
	other.send(withVersion(version, waiting))
	time.Sleep(50 * time.Millisecond)
	add(0, "wakes the session")
	other.showNext("incremental fetch that waited", version)
}

// rawFetchSessionsTopics deletes and creates topics that a session holds.
func rawFetchSessionsTopics(t *T) {
	for _, version := range []int16{12, 13, 18} {
		t.fetchSessionsTopics(version)
	}
}

func (t *T) fetchSessionsTopics(version int16) {
	topic, id := t.rawTopic(fmt.Sprintf("v%d", version), 1)
	kept, keptID := t.rawTopic(fmt.Sprintf("v%d-kept", version), 1)
	t.fill(topic, 0, 1)
	t.fill(kept, 0, 1)
	r := t.raw()
	opened := ask[*kmsg.FetchResponse](r, version, sessioned(0, 0, fetchTopic(topic, id, fetchPartition(0, 0)), fetchTopic(kept, keptID, fetchPartition(0, 0))))
	t.dump(fmt.Sprintf("v%d full", version), opened)
	session := opened.SessionID
	r.show("deleted", 6, deleteByName(topic))
	t.untilGone(r, topic)
	epoch := int32(0)
	next := func(what string, topics ...kmsg.FetchRequestTopic) {
		epoch++
		r.show(what, version, sessioned(session, epoch, topics...))
	}
	next("after the topic is gone")
	next("once more")
	_, newID := t.rawTopic(fmt.Sprintf("v%d", version), 1)
	t.check(newID != id, "the topic created anew has the same id")
	t.fill(topic, 0, 2)
	next("after it is back")
	next("asked for with the new id", fetchTopic(topic, newID, fetchPartition(0, 0)))
	next("asked for with a name or id that nobody has", fetchTopic(t.name+".nobody", [16]byte{3}, fetchPartition(0, 0)))
	next("still nobody's")
}

func listRequest(topic string, partitions ...kmsg.ListOffsetsRequestTopicPartition) *kmsg.ListOffsetsRequest {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.TimeoutMillis = -1, 5000
	entry := kmsg.NewListOffsetsRequestTopic()
	entry.Topic, entry.Partitions = topic, partitions
	request.Topics = append(request.Topics, entry)
	return request
}

func listPartition(partition int32, timestamp int64) kmsg.ListOffsetsRequestTopicPartition {
	entry := kmsg.NewListOffsetsRequestTopicPartition()
	entry.Partition, entry.Timestamp, entry.CurrentLeaderEpoch = partition, timestamp, -1
	return entry
}

func rawListOffsets(t *T) {
	topic, id := t.rawTopic("topic", 3)
	t.fill(topic, 0, 4)
	r := t.raw()
	// In partition 1 the largest timestamp is neither the last one nor the last of its batch.
	unordered := newBatch("a")
	unordered.NumRecords, unordered.LastOffsetDelta = 3, 2
	unordered.MaxTimestamp = firstTimestamp + 9000
	unordered.Records = append(append(recordBytes(0, 0, nil, []byte("a")), recordBytes(1, 9000, nil, []byte("b"))...), recordBytes(2, 5000, nil, []byte("c"))...)
	r.show("unordered", 9, produceRequest(topic, id, 1, batchBytes(unordered)))
	r.show("lower", 9, produceRequest(topic, id, 1, batchBytes(newBatch("d", "e"))))
	times := []int64{-1, -2, -3, -4, -5, -6, -7, 0, 1, firstTimestamp - 1, firstTimestamp, firstTimestamp + 1, firstTimestamp + 1000, firstTimestamp + 2999, firstTimestamp + 3000,
		firstTimestamp + 3001, firstTimestamp + 9000, firstTimestamp + 9001}
	for version := int16(1); version <= 11; version++ {
		for _, timestamp := range times {
			r.show(fmt.Sprintf("time %d", timestamp), version, listRequest(topic, listPartition(0, timestamp), listPartition(1, timestamp), listPartition(2, timestamp)))
		}
		r.show("unknown partition and topic", version, func() *kmsg.ListOffsetsRequest {
			request := listRequest(topic, listPartition(0, -1), listPartition(9, -1), listPartition(-1, -1))
			request.Topics = append(request.Topics, listRequest(t.name+".unknown", listPartition(0, -1)).Topics...)
			return request
		}())
		if version >= 2 {
			committed := listRequest(topic, listPartition(0, -1))
			committed.IsolationLevel = 1
			r.show("read committed", version, committed)
		}
		if version >= 4 {
			for _, epoch := range []int32{0, 1, -2} {
				partition := listPartition(0, -1)
				partition.CurrentLeaderEpoch = epoch
				r.show(fmt.Sprintf("leader epoch %d", epoch), version, listRequest(topic, partition))
			}
		}
	}
	r.show("the same partition twice", 5, listRequest(topic, listPartition(0, -1), listPartition(0, -2)))
	r.show("the same partition twice with one time", 5, listRequest(topic, listPartition(0, -1), listPartition(0, -1), listPartition(1, -1)))
	for _, replica := range []int32{-2, 1, 9} {
		request := listRequest(topic, listPartition(0, -1))
		request.ReplicaID = replica
		r.show(fmt.Sprintf("replica id %d", replica), 5, request)
	}
	none := listRequest(topic)
	none.Topics = nil
	r.show("no topics", 7, none)
}

func rawOffsetForLeaderEpoch(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	t.fill(topic, 0, 3)
	r := t.raw()
	for version := int16(2); version <= 4; version++ {
		for _, current := range []int32{-1, 0, 1} {
			for _, epoch := range []int32{0, 1, -1, 7} {
				request := kmsg.NewPtrOffsetForLeaderEpochRequest()
				request.ReplicaID = -1
				entry := kmsg.NewOffsetForLeaderEpochRequestTopic()
				entry.Topic = topic
				for partition := int32(0); partition < 3; partition++ {
					part := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
					part.Partition, part.CurrentLeaderEpoch, part.LeaderEpoch = partition, current, epoch
					entry.Partitions = append(entry.Partitions, part)
				}
				unknown := kmsg.NewOffsetForLeaderEpochRequestTopic()
				unknown.Topic, unknown.Partitions = t.name+".unknown", entry.Partitions[:1]
				request.Topics = append(request.Topics, entry, unknown)
				r.show(fmt.Sprintf("current epoch %d, epoch %d", current, epoch), version, request)
			}
		}
	}
}
