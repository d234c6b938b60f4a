package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Timestamps of records are fixed, so that they can be compared and shown.
const firstTimestamp = 1700000000000

func recordScenarios() []scenario {
	return []scenario{
		{"round-trip", roundTrip},
		{"compression-none", compression(kgo.NoCompression(), 0)},
		{"compression-gzip", compression(kgo.GzipCompression(), 1)},
		{"compression-snappy", compression(kgo.SnappyCompression(), 2)},
		{"compression-lz4", compression(kgo.Lz4Compression(), 3)},
		{"compression-zstd", compression(kgo.ZstdCompression(), 4)},
		{"acks-0", acks(kgo.NoAck())},
		{"acks-1", acks(kgo.LeaderAck())},
		{"acks-all", acks(kgo.AllISRAcks())},
		{"idempotent", idempotent},
		{"big", big},
		{"seek-offset", seekOffset},
		{"seek-time", seekTime},
		{"auto-create", autoCreate},
		{"long-poll", longPoll},
		{"fetch-limits", fetchLimits},
		{"many-topics", manyTopics},
		{"recreated-topic", recreatedTopic},
	}
}

func at(millis int64) time.Time { return time.UnixMilli(millis) }

// createTopic makes a topic of the scenario's own; its name starts with the scenario's.
func (t *T) createTopic(suffix string, partitions int32) string {
	topic := t.name + "." + suffix
	admin := kadm.NewClient(t.client())
	_, err := admin.CreateTopic(t.ctx, partitions, 1, nil, topic)
	t.ok("create "+topic, err)
	return topic
}

// produce sends the records one after the other and checks that each got the offset which follows.
func (t *T) produce(client *kgo.Client, records ...*kgo.Record) {
	for i, record := range records {
		t.ok(fmt.Sprintf("produce record %d", i), client.ProduceSync(t.ctx, record).FirstErr())
	}
}

// consume reads a partition from an offset until it has so many records.
func (t *T) consume(topic string, partition int32, from kgo.Offset, count int, options ...kgo.Opt) []*kgo.Record {
	options = append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: from}}), kgo.FetchMaxWait(500*time.Millisecond))
	client := t.client(options...)
	defer client.Close()
	return t.poll(client, count)
}

func (t *T) poll(client *kgo.Client, count int) []*kgo.Record {
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(t.ctx)
		t.ok(fmt.Sprintf("poll after %d of %d records", len(records), count), fetches.Err())
		records = append(records, fetches.Records()...)
	}
	t.equal("number of records consumed", len(records), count)
	return records
}

func roundTrip(t *T) {
	records := func() []*kgo.Record {
		return []*kgo.Record{
			{Key: []byte("k0"), Value: []byte("v0"), Timestamp: at(firstTimestamp)},
			{Key: nil, Value: []byte("null key"), Timestamp: at(firstTimestamp + 1)},
			{Key: []byte{}, Value: []byte("empty key"), Timestamp: at(firstTimestamp + 2)},
			{Key: []byte("tombstone"), Value: nil, Timestamp: at(firstTimestamp + 3)},
			{Key: []byte("empty value"), Value: []byte{}, Timestamp: at(firstTimestamp + 4)},
			{Key: nil, Value: nil, Timestamp: at(firstTimestamp + 5)},
			{Key: []byte("headers"), Value: []byte("h"), Timestamp: at(firstTimestamp + 6), Headers: []kgo.RecordHeader{
				{Key: "h", Value: []byte("x")}, {Key: "h", Value: []byte("y")}, {Key: "", Value: []byte("empty name")},
				{Key: "empty", Value: []byte{}}, {Key: "null", Value: nil}, {Key: "schlüssel", Value: []byte("größe")},
			}},
			{Key: []byte("ключ"), Value: []byte("値 ✓"), Timestamp: at(firstTimestamp + 7)},
			{Key: []byte{0, 0xff, 0x80}, Value: []byte{0xfe, 0, 1}, Timestamp: at(firstTimestamp + 8)},
			{Key: []byte("earlier"), Value: []byte("than the one before"), Timestamp: at(firstTimestamp - 1000)},
			{Key: []byte("epoch"), Value: []byte("1970"), Timestamp: at(0)},
		}
	}
	topic := t.createTopic("one", 1)
	producer := t.client()
	sent := records()
	for i, record := range sent {
		record.Topic = topic
		t.ok("produce", producer.ProduceSync(t.ctx, record).FirstErr())
		t.equal("offset that the producer reports", record.Offset, int64(i))
	}
	for i, record := range t.consume(topic, 0, kgo.NewOffset().AtStart(), len(sent)) {
		t.sameRecord(fmt.Sprintf("record %d", i), record, sent[i])
		t.equal("offset", record.Offset, int64(i))
		t.show(fmt.Sprintf("record %d", i), recordText(record))
	}

	three := t.createTopic("three", 3)
	manual := t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for partition := int32(0); partition < 3; partition++ {
		sent := records()
		for _, record := range sent {
			record.Topic, record.Partition = three, partition
			t.ok("produce", manual.ProduceSync(t.ctx, record).FirstErr())
			t.equal("partition", record.Partition, partition)
		}
		for i, record := range t.consume(three, partition, kgo.NewOffset().AtStart(), len(sent)) {
			t.sameRecord(fmt.Sprintf("partition %d record %d", partition, i), record, sent[i])
			t.equal("offset", record.Offset, int64(i))
			t.show(fmt.Sprintf("partition %d record %d", partition, i), recordText(record))
		}
	}

	now := &kgo.Record{Topic: topic, Value: []byte("now")}
	before := time.Now()
	t.produce(producer, now)
	back := t.consume(topic, 0, kgo.NewOffset().At(now.Offset), 1)[0]
	t.check(back.Timestamp.UnixMilli() >= before.UnixMilli() && time.Since(back.Timestamp) < time.Minute, "a timestamp of now came back as %v", back.Timestamp)
	t.show("create-time", "recent")

	unknown := t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	t.showError("produce to partition 3 of 3", unknown.ProduceSync(t.ctx, &kgo.Record{Topic: three, Partition: 3}).FirstErr())
}

// compression sends batches of some hundred records and checks that they come back the same, and still compressed so.
func compression(codec kgo.CompressionCodec, number uint8) func(*T) {
	return func(t *T) {
		topic := t.createTopic("topic", 1)
		random := rand.New(rand.NewSource(1))
		var sent []*kgo.Record
		for i := 0; i < 500; i++ {
			value := bytes.Repeat([]byte(fmt.Sprintf("value %d of %s, ", i, topic)), 1+random.Intn(80))
			noise := make([]byte, random.Intn(300))
			random.Read(noise)
			sent = append(sent, &kgo.Record{Topic: topic, Key: []byte(fmt.Sprint("key ", i)), Value: append(value, noise...),
				Headers: []kgo.RecordHeader{{Key: "number", Value: []byte(fmt.Sprint(i))}}, Timestamp: at(firstTimestamp + int64(i))})
		}
		producer := t.client(kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(20*time.Millisecond))
		t.ok("produce", producer.ProduceSync(t.ctx, sent...).FirstErr())
		for i, record := range t.consume(topic, 0, kgo.NewOffset().AtStart(), len(sent)) {
			t.sameRecord(fmt.Sprintf("record %d", i), record, sent[i])
			t.equal("offset", record.Offset, int64(i))
			t.equal("codec of the batch", record.Attrs.CompressionType(), number)
			if i%100 == 0 {
				t.show(fmt.Sprintf("record %d", i), recordText(record))
			}
		}
		t.show("records", len(sent))
		for _, offset := range []int64{1, 250, 499} {
			record := t.consume(topic, 0, kgo.NewOffset().At(offset), len(sent)-int(offset))[0]
			t.sameRecord("first record after a seek", record, sent[offset])
			t.show(fmt.Sprintf("first record after a seek to %d", offset), record.Offset)
		}
	}
}

func acks(acks kgo.Acks) func(*T) {
	return func(t *T) {
		topic := t.createTopic("topic", 1)
		producer := t.client(kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite())
		var sent []*kgo.Record
		for i := 0; i < 20; i++ {
			record := &kgo.Record{Topic: topic, Value: []byte(fmt.Sprint("value ", i)), Timestamp: at(firstTimestamp + int64(i))}
			sent = append(sent, record)
			t.ok("produce", producer.ProduceSync(t.ctx, record).FirstErr())
			t.show(fmt.Sprintf("offset reported for record %d", i), record.Offset)
		}
		for i, record := range t.consume(topic, 0, kgo.NewOffset().AtStart(), len(sent)) {
			t.sameRecord(fmt.Sprintf("record %d", i), record, sent[i])
			t.show(fmt.Sprintf("record %d", i), recordText(record))
		}
	}
}

func idempotent(t *T) {
	const count = 6000
	topic := t.createTopic("topic", 3)
	producer := t.client(kgo.ProducerBatchMaxBytes(4096), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	var mutex sync.Mutex
	var failed error
	offsets := map[int32]map[int64]bool{0: {}, 1: {}, 2: {}}
	for i := 0; i < count; i++ {
		record := &kgo.Record{Topic: topic, Partition: int32(i % 3), Value: []byte(fmt.Sprint("value ", i)), Timestamp: at(firstTimestamp + int64(i))}
		producer.Produce(t.ctx, record, func(record *kgo.Record, err error) {
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				failed = err
				return
			}
			offsets[record.Partition][record.Offset] = true
			if record.ProducerID < 0 {
				failed = errors.New("a record without a producer id")
			}
		})
	}
	t.ok("flush", producer.Flush(t.ctx))
	t.ok("produce", failed)
	for partition := int32(0); partition < 3; partition++ {
		t.equal("distinct offsets reported", len(offsets[partition]), count/3)
		for i, record := range t.consume(topic, partition, kgo.NewOffset().AtStart(), count/3) {
			t.equal("offset", record.Offset, int64(i))
			t.equal("value", string(record.Value), fmt.Sprint("value ", i*3+int(partition)))
			t.equal("producer epoch", record.ProducerEpoch, int16(0))
		}
		t.show(fmt.Sprintf("partition %d", partition), fmt.Sprintf("%d records, contiguous and without duplicates", count/3))
	}
	id, epoch, err := producer.ProducerID(t.ctx)
	t.ok("producer id", err)
	t.check(id >= 0, "the producer id is %d", id)
	t.show("producer epoch", epoch)
	other, _, err := t.client().ProducerID(t.ctx)
	t.ok("producer id", err)
	t.check(other != id, "two producers have the same id %d", id)
	t.show("producer id of another producer", "another")
}

func big(t *T) {
	topic := t.createTopic("topic", 1)
	options := []kgo.Opt{kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(4 << 20), kgo.RecordRetries(3)}
	random := rand.New(rand.NewSource(2))
	// Around a value this large lie 61 bytes of its batch and 11 of its record; 1048588 is the most that a batch may have in all.
	for _, size := range []int{1_000_000, 1048588 - 61 - 11, 1048588 - 61 - 10, 2_000_000} {
		value := make([]byte, size)
		random.Read(value)
		record := &kgo.Record{Topic: topic, Value: value, Timestamp: at(firstTimestamp)}
		err := t.client(options...).ProduceSync(t.ctx, record).FirstErr()
		if err != nil {
			t.show(fmt.Sprintf("a value of %d bytes", size), err)
			continue
		}
		back := t.consume(topic, 0, kgo.NewOffset().At(record.Offset), 1)[0]
		t.sameRecord("big record", back, record)
		t.show(fmt.Sprintf("a value of %d bytes", size), recordText(back))
	}

	// What one fetch may hold is less than one batch, which comes all the same.
	small := t.consume(topic, 0, kgo.NewOffset().AtStart(), 1, kgo.FetchMaxBytes(1000), kgo.FetchMaxPartitionBytes(1000))
	t.show("through a fetch of 1000 bytes", bytesText(small[0].Value))
}

func numbered(topic string, count int) []*kgo.Record {
	var records []*kgo.Record
	for i := 0; i < count; i++ {
		records = append(records, &kgo.Record{Topic: topic, Value: []byte(fmt.Sprint("value ", i)), Timestamp: at(firstTimestamp + int64(i)*1000)})
	}
	return records
}

func seekOffset(t *T) {
	topic := t.createTopic("topic", 1)
	producer := t.client()
	t.produce(producer, numbered(topic, 30)...)

	client := t.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}), kgo.FetchMaxWait(500*time.Millisecond))
	t.show("from the start", t.poll(client, 30)[0].Offset)
	for _, offset := range []int64{0, 15, 29} {
		client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: offset}}})
		records := t.poll(client, 30-int(offset))
		t.equal("value", string(records[0].Value), fmt.Sprint("value ", offset))
		t.show(fmt.Sprintf("first record after a seek to %d", offset), recordText(records[0]))
	}
	client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: 30}}})
	t.produce(producer, &kgo.Record{Topic: topic, Value: []byte("value 30"), Timestamp: at(firstTimestamp + 30000)})
	t.show("first record after a seek to the end", recordText(t.poll(client, 1)[0]))

	relative := func(offset kgo.Offset, count int) int64 { return t.consume(topic, 0, offset, count)[0].Offset }
	t.show("five before the end", relative(kgo.NewOffset().AtEnd().Relative(-5), 5))
	t.show("three after the start", relative(kgo.NewOffset().AtStart().Relative(3), 28))

	t.show("out of range, reset to the start", t.consume(topic, 0, kgo.NewOffset().At(1000), 31, kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))[0].Offset)

	atEnd := t.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(1000)}}), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()), kgo.FetchMaxWait(500*time.Millisecond))
	short, cancel := context.WithTimeout(t.ctx, time.Second)
	defer cancel()
	t.equal("records after a reset to the end", atEnd.PollFetches(short).NumRecords(), 0)
	t.produce(producer, &kgo.Record{Topic: topic, Value: []byte("value 31"), Timestamp: at(firstTimestamp + 31000)})
	t.show("out of range, reset to the end", recordText(t.poll(atEnd, 1)[0]))

	none := t.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(1000)}}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	t.showError("out of range, no reset", none.PollFetches(t.ctx).Err())
}

// seekTime looks for offsets by time, where all records of a partition are in batches of one and where they share one batch.
func seekTime(t *T) {
	topic := t.createTopic("topic", 3)
	single := t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := 0; i < 10; i++ {
		record := &kgo.Record{Topic: topic, Partition: 0, Value: []byte(fmt.Sprint("value ", i)), Timestamp: at(firstTimestamp + int64(i)*1000)}
		t.produce(single, record)
	}
	// The times of partition 1 are not in order, and its batch is compressed.
	lingering := t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(20*time.Millisecond), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	var together []*kgo.Record
	for _, seconds := range []int64{0, 1, 5, 3, 4, 9, 7, 8} {
		together = append(together, &kgo.Record{Topic: topic, Partition: 1, Value: bytes.Repeat([]byte("x"), 100), Timestamp: at(firstTimestamp + seconds*1000)})
	}
	t.ok("produce", lingering.ProduceSync(t.ctx, together...).FirstErr())

	admin := kadm.NewClient(t.client())
	for _, time := range []struct {
		what   string
		millis int64
	}{
		{"before the first", firstTimestamp - 5000},
		{"exactly the first", firstTimestamp},
		{"between", firstTimestamp + 1500},
		{"exactly the fourth", firstTimestamp + 3000},
		{"just after the fourth", firstTimestamp + 3001},
		{"late", firstTimestamp + 8500},
		{"exactly the last", firstTimestamp + 9000},
		{"after the last", firstTimestamp + 9001},
	} {
		offsets, err := admin.ListOffsetsAfterMilli(t.ctx, time.millis, topic)
		t.ok("list offsets", err)
		t.show(time.what, listedText(offsets, topic))
	}
	for _, kind := range []struct {
		what string
		list func(context.Context, ...string) (kadm.ListedOffsets, error)
	}{
		{"start", admin.ListStartOffsets},
		{"end", admin.ListEndOffsets},
		{"committed", admin.ListCommittedOffsets},
		{"largest timestamp", admin.ListMaxTimestampOffsets},
		{"local start", admin.ListLocalLogStartOffsets},
	} {
		offsets, err := kind.list(t.ctx, topic)
		t.ok("list offsets", err)
		t.show(kind.what, listedText(offsets, topic))
	}

	for _, seek := range []struct {
		partition int32
		millis    int64
		first     int64
		count     int
	}{
		{0, firstTimestamp + 3500, 4, 6},
		{1, firstTimestamp + 2000, 2, 6},
		{1, firstTimestamp + 9000, 5, 3},
	} {
		records := t.consume(topic, seek.partition, kgo.NewOffset().AfterMilli(seek.millis), seek.count)
		t.equal("first offset after a seek to a time", records[0].Offset, seek.first)
		t.show(fmt.Sprintf("partition %d from %d", seek.partition, seek.millis), recordText(records[0]))
	}
}

func listedText(offsets kadm.ListedOffsets, topic string) string {
	var all string
	for partition := int32(0); partition < int32(len(offsets[topic])); partition++ {
		offset := offsets[topic][partition]
		all += fmt.Sprintf("partition %d: offset %d timestamp %d epoch %d error %s; ", partition, offset.Offset, offset.Timestamp, offset.LeaderEpoch, text(offset.Err))
	}
	return all
}

func autoCreate(t *T) {
	topic := t.name + ".produced"
	producer := t.client(kgo.AllowAutoTopicCreation())
	record := &kgo.Record{Topic: topic, Value: []byte("first"), Timestamp: at(firstTimestamp)}
	t.produce(producer, record)
	t.show("offset of the first record", record.Offset)
	t.show("record", recordText(t.consume(topic, 0, kgo.NewOffset().AtStart(), 1)[0]))
	details, err := kadm.NewClient(t.client()).ListTopics(t.ctx, topic)
	t.ok("list topics", err)
	t.show("partitions", len(details[topic].Partitions))

	strict := t.client(kgo.UnknownTopicRetries(1))
	t.showError("produce without auto creation", strict.ProduceSync(t.ctx, &kgo.Record{Topic: t.name + ".refused", Value: []byte("x")}).FirstErr())
	details, err = kadm.NewClient(t.client()).ListTopics(t.ctx, t.name+".refused")
	t.ok("list topics", err)
	t.showError("the topic afterwards", details[t.name+".refused"].Err)
	t.showError("produce to a bad name", t.client(kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(1)).ProduceSync(t.ctx, &kgo.Record{Topic: "bad name!", Value: []byte("x")}).FirstErr())
}

func longPoll(t *T) {
	topic := t.createTopic("topic", 1)
	producer := t.client()
	t.produce(producer, &kgo.Record{Topic: topic, Value: []byte("0"), Timestamp: at(firstTimestamp)})
	consumer := t.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}), kgo.FetchMaxWait(5*time.Second), kgo.FetchMinBytes(1))
	t.poll(consumer, 1)
	for i := 1; i <= 5; i++ {
		// The consumer's next fetch has to be waiting at the broker when the record comes.
		time.Sleep(150 * time.Millisecond)
		received := make(chan time.Time, 1)
		go func() {
			consumer.PollFetches(t.ctx)
			received <- time.Now()
		}()
		t.produce(producer, &kgo.Record{Topic: topic, Value: []byte(fmt.Sprint(i)), Timestamp: at(firstTimestamp)})
		produced := time.Now()
		select {
		case when := <-received:
			t.check(when.Sub(produced) < 400*time.Millisecond, "record %d came %v after it was produced", i, when.Sub(produced))
			t.show(fmt.Sprintf("record %d", i), "at once")
		case <-t.ctx.Done():
			t.fail("record %d did not come", i)
		}
	}
	short, cancel := context.WithTimeout(t.ctx, 300*time.Millisecond)
	defer cancel()
	started := time.Now()
	fetches := consumer.PollFetches(short)
	t.equal("records of an idle poll", fetches.NumRecords(), 0)
	t.check(time.Since(started) < 2*time.Second, "an idle poll of 300 ms took %v", time.Since(started))
	t.show("idle poll", "empty at its timeout")
}

// fetchLimits reads much data through fetches that may hold little.
func fetchLimits(t *T) {
	topic := t.createTopic("topic", 4)
	producer := t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(20000))
	const each = 300
	for i := 0; i < 4*each; i++ {
		producer.Produce(t.ctx, &kgo.Record{Topic: topic, Partition: int32(i % 4), Value: bytes.Repeat([]byte{byte(i)}, 100+i)}, nil)
	}
	t.ok("flush", producer.Flush(t.ctx))
	consumer := t.client(kgo.ConsumeTopics(topic), kgo.FetchMaxBytes(30000), kgo.FetchMaxPartitionBytes(10000), kgo.FetchMinBytes(20000), kgo.FetchMaxWait(100*time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	next := map[int32]int64{}
	for _, record := range t.poll(consumer, 4*each) {
		t.equal("offset", record.Offset, next[record.Partition])
		i := int(record.Offset)*4 + int(record.Partition)
		t.check(bytes.Equal(record.Value, bytes.Repeat([]byte{byte(i)}, 100+i)), "partition %d offset %d has another value", record.Partition, record.Offset)
		next[record.Partition]++
	}
	t.show("records", fmt.Sprintf("%d of each of 4 partitions, in order", each))
}

// manyTopics has one consumer of twenty topics, some of which are added while it runs, so that fetch sessions change.
func manyTopics(t *T) {
	const count = 20
	admin := kadm.NewClient(t.client())
	producer := t.client()
	var topics []string
	for i := 0; i < count; i++ {
		topics = append(topics, fmt.Sprintf("%s.%02d", t.name, i))
	}
	_, err := admin.CreateTopics(t.ctx, 1, 1, nil, topics...)
	t.ok("create topics", err)
	consumer := t.client(kgo.ConsumeTopics(topics[:10]...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(300*time.Millisecond))
	send := func(topics []string, round int) {
		for _, topic := range topics {
			t.produce(producer, &kgo.Record{Topic: topic, Value: []byte(fmt.Sprint(topic, " ", round))})
		}
	}
	receive := func(topics []string, round int) {
		got := map[string]bool{}
		for _, record := range t.poll(consumer, len(topics)) {
			t.equal("value", string(record.Value), fmt.Sprint(record.Topic, " ", round))
			got[record.Topic] = true
		}
		t.equal("topics that a record came from", len(got), len(topics))
		t.show(fmt.Sprintf("round %d", round), fmt.Sprintf("a record of each of %d topics", len(topics)))
	}
	send(topics[:10], 0)
	receive(topics[:10], 0)
	consumer.AddConsumeTopics(topics[10:]...)
	send(topics[10:], 1)
	receive(topics[10:], 1)
	send(topics, 2)
	receive(topics, 2)
	consumer.PurgeTopicsFromConsuming(topics[:5]...)
	send(topics[5:], 3)
	receive(topics[5:], 3)
}

// recreatedTopic deletes a topic, creates it anew at once and uses it with clients that knew neither.
func recreatedTopic(t *T) {
	admin := kadm.NewClient(t.client())
	topic := t.createTopic("topic", 2)
	t.produce(t.client(), numbered(topic, 5)...)
	id := func() kadm.TopicID {
		details, err := admin.ListTopics(t.ctx, topic)
		t.ok("list topics", err)
		t.ok("the topic", details[topic].Err)
		return details[topic].ID
	}
	before := id()
	response, err := admin.DeleteTopic(t.ctx, topic)
	t.ok("delete", err)
	t.ok("delete", response.Err)
	t.until("the topic can be created again", func() bool {
		_, err := admin.CreateTopic(t.ctx, 1, 1, nil, topic)
		t.check(err == nil || errors.Is(err, kerr.TopicAlreadyExists), "create again: %v", err)
		return err == nil
	})
	t.until("the new topic is known", func() bool {
		details, err := admin.ListTopics(t.ctx, topic)
		return err == nil && details[topic].Err == nil && details[topic].ID != before
	})
	t.show("topic id", "another one")
	ends, err := admin.ListEndOffsets(t.ctx, topic)
	t.ok("list offsets", err)
	t.show("end offsets", listedText(ends, topic))
	t.produce(t.client(), &kgo.Record{Topic: topic, Value: []byte("new"), Timestamp: at(firstTimestamp)})
	t.show("first record", recordText(t.consume(topic, 0, kgo.NewOffset().AtStart(), 1)[0]))
}
