package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func rawProduceScenarios() []scenario {
	return []scenario{
		{"raw-produce", rawProduce},
		{"raw-produce-bad-batches", rawProduceBadBatches},
		{"raw-produce-unreadable", rawProduceUnreadable},
		{"raw-produce-topic-settings", rawProduceTopicSettings},
		{"raw-produce-sequences", rawProduceSequences},
		{"raw-init-producer-id", rawInitProducerID},
	}
}

func produceRequest(topic string, id [16]byte, partition int32, records []byte) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 10000
	entry := kmsg.NewProduceRequestTopic()
	entry.Topic, entry.TopicID = topic, id
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, records
	entry.Partitions = append(entry.Partitions, part)
	request.Topics = append(request.Topics, entry)
	return request
}

func rawProduce(t *T) {
	topic, id := t.rawTopic("topic", 2)
	r := t.raw()
	for version := int16(3); version <= 13; version++ {
		for _, acks := range []int16{1, -1} {
			request := produceRequest(topic, id, 0, batchBytes(newBatch("a", "b")))
			request.Acks = acks
			r.show(fmt.Sprintf("acks %d", acks), version, request)
		}
		request := produceRequest(topic, id, 0, batchBytes(newBatch("a")))
		request.Acks = 2
		r.show("acks 2", version, request)
		r.show("unknown partition", version, produceRequest(topic, id, 2, batchBytes(newBatch("a"))))
		r.show("negative partition", version, produceRequest(topic, id, -1, batchBytes(newBatch("a"))))
		r.show("unknown topic", version, produceRequest(t.name+".unknown", [16]byte{7}, 0, batchBytes(newBatch("a"))))
		mixed := produceRequest(topic, id, 1, batchBytes(newBatch("c")))
		mixed.Topics = append(mixed.Topics, produceRequest(t.name+".unknown", [16]byte{7}, 0, batchBytes(newBatch("a"))).Topics...)
		r.show("a known and an unknown topic", version, mixed)
	}
	for _, name := range badTopicNames()[:5] {
		r.show("bad name "+bytesText([]byte(name)), 9, produceRequest(name, id, 0, batchBytes(newBatch("a"))))
	}
	r.show("zero topic id", 13, produceRequest(topic, [16]byte{}, 0, batchBytes(newBatch("a"))))
	none := produceRequest(topic, id, 0, nil)
	none.Topics = nil
	r.show("no topics", 9, none)

	// Nothing answers acks = 0: the next answer on this connection is that of the request after it.
	silent := produceRequest(topic, id, 0, batchBytes(newBatch("silent")))
	silent.Acks = 0
	_, err := r.socket.Write(r.frame(withVersion(9, silent)))
	t.ok("write", err)
	r.show("after acks 0", 9, produceRequest(topic, id, 0, batchBytes(newBatch("loud"))))
	t.showPartition(r, "what is there at the end", topic, 0)

	// Versions 0 to 2 are advertised for the sake of old clients, and not served.
	for version := int16(0); version <= 2; version++ {
		old := t.raw()
		old.showClosed(fmt.Sprintf("v%d", version), old.frame(withVersion(version, produceRequest(topic, id, 0, batchBytes(newBatch("old"))))))
	}
	wrong := produceRequest(t.name+".unknown", id, 0, batchBytes(newBatch("a")))
	wrong.Acks = 0
	r.showClosed("acks 0 to an unknown topic", r.frame(withVersion(9, wrong)))
}

// showPartition fetches a partition from its start and prints every batch.
func (t *T) showPartition(r *rawConnection, what, topic string, partition int32) {
	response := ask[*kmsg.FetchResponse](r, 11, fetchRequest(fetchTopic(topic, [16]byte{}, fetchPartition(partition, 0))))
	t.dumpBatches(what, fmt.Sprintf("partition %d", partition), response.Topics[0].Partitions[0].RecordBatches)
}

// edited is a batch of three with some bytes changed and the checksum right again.
func edited(edit func([]byte)) []byte {
	data := batchBytes(newBatch("a", "b", "c"))
	edit(data)
	return sealed(data)
}

// relength is a batch whose length field differs by so much from its length.
func relength(data []byte, by int) []byte {
	changed := append([]byte{}, data...)
	binary.BigEndian.PutUint32(changed[8:], uint32(len(data)-12+by))
	return sealed(changed)
}

type badBatch struct {
	what    string
	records []byte
}

func rawProduceBadBatches(t *T) {
	r := t.raw()
	two := append(batchBytes(newBatch("a")), batchBytes(newBatch("b"))...)
	whole := batchBytes(newBatch("a", "b", "c"))
	unsealed := batchBytes(newBatch("a", "b", "c"))
	unsealed[len(unsealed)-2] ^= 1
	unordered := newBatch()
	unordered.NumRecords, unordered.LastOffsetDelta, unordered.MaxTimestamp = 2, 1, firstTimestamp
	unordered.Records = append(recordBytes(1, 0, nil, []byte("a")), recordBytes(0, 0, nil, []byte("b"))...)
	lying := newBatch("a")
	lying.Records[0] += 2
	longer := newBatch("a")
	longer.Records = append(longer.Records, 0, 0, 0)
	headers := newBatch("a")
	headers.Records[len(headers.Records)-1] = 4
	future := newBatch("future")
	future.FirstTimestamp = time.Now().Add(2 * time.Hour).UnixMilli()
	future.MaxTimestamp = future.FirstTimestamp
	lessThanHeld := newBatch("a", "b")
	lessThanHeld.MaxTimestamp = firstTimestamp
	untimed := newBatch("untimed")
	untimed.FirstTimestamp, untimed.MaxTimestamp = -1, -1
	batches := []badBatch{
		{"empty records", []byte{}},
		{"two batches", two},
		{"wrong checksum", unsealed},
		{"magic 3", edited(func(b []byte) { b[16] = 3 })},
		{"magic -1", edited(func(b []byte) { b[16] = 0xff })},
		{"magic 1", edited(func(b []byte) { b[16] = 1 })},
		{"magic 0", edited(func(b []byte) { b[16] = 0 })},
		{"base offset 5", edited(func(b []byte) { b[7] = 5 })},
		{"leader epoch 9", edited(func(b []byte) { binary.BigEndian.PutUint32(b[12:], 9) })},
		{"count 4 of 3", edited(func(b []byte) { b[60] = 4 })},
		{"count 2 of 3", edited(func(b []byte) { b[60] = 2 })},
		{"count 0", edited(func(b []byte) { b[60] = 0 })},
		{"count -1", edited(func(b []byte) { binary.BigEndian.PutUint32(b[57:], 0xffffffff) })},
		{"last offset delta 5", edited(func(b []byte) { b[26] = 5 })},
		{"last offset delta and count 4 of 3", edited(func(b []byte) { b[26], b[60] = 3, 4 })},
		{"control batch", edited(func(b []byte) { b[22] |= 0x20 })},
		{"log append time", edited(func(b []byte) { b[22] |= 0x08 })},
		{"delete horizon", edited(func(b []byte) { b[22] |= 0x40 })},
		{"transactional without a producer id", edited(func(b []byte) { b[22] |= 0x10 })},
		{"unknown attribute", edited(func(b []byte) { b[21] |= 0x40 })},
		{"producer id without a sequence", edited(func(b []byte) { copy(b[43:], []byte{0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0xff, 0xff, 0xff, 0xff}) })},
		{"half a batch", whole[:len(whole)/2]},
		{"half a header", whole[:40]},
		{"five bytes", whole[:5]},
		{"length one too long", relength(whole, 1)},
		{"length one too short", relength(whole, -1)},
		{"length 49, no records", func() []byte {
			b := newBatch("a")
			b.Records, b.NumRecords, b.LastOffsetDelta = nil, 0, 0
			return batchBytes(b)
		}()},
		{"three bytes after the batch", append(batchBytes(newBatch("a")), 0, 0, 0)},
		{"offset deltas not in order", batchBytes(unordered)},
		{"record longer than the batch", batchBytes(lying)},
		{"bytes after the last record", batchBytes(longer)},
		{"headers that are not there", batchBytes(headers)},
		{"timestamp two hours ahead", batchBytes(future)},
		{"largest timestamp below that of a record", batchBytes(lessThanHeld)},
		{"timestamp -1", batchBytes(untimed)},
		{"too large", batchBytes(newBatch(strings.Repeat("x", 1048588)))},
	}
	// Each has a partition of its own, so that what becomes of one does not show in the offsets of the others.
	topic, id := t.rawTopic("topic", int32(len(batches)))
	for partition, bad := range batches {
		r.show(bad.what, 9, produceRequest(topic, id, int32(partition), bad.records))
		t.showPartition(r, bad.what+", what is there", topic, int32(partition))
	}
	for version := int16(3); version <= 13; version++ {
		r.show("wrong checksum", version, produceRequest(topic, id, 0, unsealed))
		r.show("two batches", version, produceRequest(topic, id, 0, two))
	}
	for _, version := range []int16{3, 6, 7} {
		zstd := newBatch("z")
		zstd.Attributes = 4
		// An empty zstd frame would do as well: below version 7 the broker must not even look.
		zstd.Records = zstdFrame(zstd.Records)
		r.show("zstd", version, produceRequest(topic, id, 0, batchBytes(zstd)))
	}
}

// rawProduceUnreadable sends what only a broker that decompresses, or that trips over it, can refuse.
func rawProduceUnreadable(t *T) {
	r := t.raw()
	whole := batchBytes(newBatch("a", "b", "c"))
	for i, bad := range []badBatch{
		{"gzip that is none", edited(func(b []byte) { b[22] |= 1 })},
		{"snappy that is none", edited(func(b []byte) { b[22] |= 2 })},
		{"lz4 that is none", edited(func(b []byte) { b[22] |= 3 })},
		{"zstd that is none", edited(func(b []byte) { b[22] |= 4 })},
		{"codec 5", edited(func(b []byte) { b[22] |= 5 })},
		{"codec 7", edited(func(b []byte) { b[22] |= 7 })},
		{"length 20", relength(whole[:32], 0)},
	} {
		topic, id := t.rawTopic(fmt.Sprint(i), 1)
		r.show(bad.what, 9, produceRequest(topic, id, 0, bad.records))
	}
}

// zstdFrame wraps bytes in a zstd frame with one raw block, which every decoder understands.
func zstdFrame(data []byte) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, byte(len(data))}
	header := uint32(len(data))<<3 | 1
	frame = append(frame, byte(header), byte(header>>8), byte(header>>16))
	return append(frame, data...)
}

func rawProduceTopicSettings(t *T) {
	r := t.raw()
	appendTime, appendID := t.rawTopic("append-time", 1, "message.timestamp.type", "LogAppendTime")
	for _, version := range []int16{3, 9, 13} {
		r.show("log append time", version, produceRequest(appendTime, appendID, 0, batchBytes(newBatch("a", "b"))))
	}
	t.showPartition(r, "log append time", appendTime, 0)

	compacted, compactedID := t.rawTopic("compacted", 1, "cleanup.policy", "compact")
	keyless := newBatch("a", "b")
	keyless.Records = append(recordBytes(0, 0, []byte("k"), []byte("a")), recordBytes(1, 1000, nil, []byte("b"))...)
	for _, version := range []int16{7, 8, 9, 13} {
		r.show("no key in a compacted topic", version, produceRequest(compacted, compactedID, 0, batchBytes(keyless)))
	}
	r.show("keys in a compacted topic", 9, produceRequest(compacted, compactedID, 0, batchBytes(newBatch("a"))))

	small, smallID := t.rawTopic("small", 1, "max.message.bytes", "100")
	r.show("a batch of 100 bytes where 100 are allowed", 9, produceRequest(small, smallID, 0, sizedBatch(100)))
	r.show("a batch of 101 bytes where 100 are allowed", 9, produceRequest(small, smallID, 0, sizedBatch(101)))
	t.showPartition(r, "small", small, 0)
}

// sizedBatch is a batch with one record that has just so many bytes, up to some 120.
func sizedBatch(size int) []byte {
	return batchBytes(newBatch(strings.Repeat("x", size-len(batchBytes(newBatch(""))))))
}

func initProducer(r *rawConnection) (int64, int16) {
	request := kmsg.NewPtrInitProducerIDRequest()
	request.TransactionTimeoutMillis, request.ProducerID, request.ProducerEpoch = 60000, -1, -1
	for {
		response := ask[*kmsg.InitProducerIDResponse](r, 4, request)
		// Kafka takes a moment to get its first block of producer ids from the controller.
		if response.ErrorCode != 14 && response.ErrorCode != 15 {
			r.t.equal("error of InitProducerId", codeName(response.ErrorCode), "NONE")
			return response.ProducerID, response.ProducerEpoch
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func rawProduceSequences(t *T) {
	topic, id := t.rawTopic("topic", 2)
	r := t.raw()
	producer, epoch := initProducer(r)
	t.show("epoch of a new producer", epoch)
	send := func(what string, partition int32, producer int64, epoch int16, sequence int32, values ...string) {
		r.show(what, 9, produceRequest(topic, id, partition, batchBytes(sequenced(newBatch(values...), producer, epoch, sequence))))
	}
	send("sequence 0, two records", 0, producer, epoch, 0, "0", "1")
	send("sequence 0 again", 0, producer, epoch, 0, "0", "1")
	send("sequence 2", 0, producer, epoch, 2, "2")
	send("sequence 4, a gap", 0, producer, epoch, 4, "4")
	send("sequence 3, three records", 0, producer, epoch, 3, "3", "4", "5")
	send("sequence 6", 0, producer, epoch, 6, "6")
	send("sequence 7", 0, producer, epoch, 7, "7")
	for _, again := range []struct {
		sequence int32
		values   []string
	}{{0, []string{"0", "1"}}, {2, []string{"2"}}, {3, []string{"3", "4", "5"}}, {6, []string{"6"}}, {7, []string{"7"}}} {
		send(fmt.Sprintf("sequence %d once more", again.sequence), 0, producer, epoch, again.sequence, again.values...)
	}
	send("sequence 8", 0, producer, epoch, 8, "8")
	send("sequence 0, now the sixth from the end", 0, producer, epoch, 0, "0", "1")
	send("sequence 3 with fewer records", 0, producer, epoch, 3, "3", "4")
	send("sequence 4, in the middle of a batch", 0, producer, epoch, 4, "4", "5")
	send("sequence 7 and 8 as one batch", 0, producer, epoch, 7, "7", "8")
	send("the other partition starts at 5", 1, producer, epoch, 5, "a")
	send("the other partition goes on at 6", 1, producer, epoch, 6, "b")
	send("an epoch ahead with sequence 9", 0, producer, epoch+1, 9, "9")
	send("an epoch ahead with sequence 0", 0, producer, epoch+1, 0, "0")
	send("the old epoch", 0, producer, epoch, 9, "9")
	send("the new epoch goes on", 0, producer, epoch+1, 1, "1")
	send("an unknown producer starts at 7", 0, producer+1000, 0, 7, "x")
	send("an unknown producer starts at 0", 0, producer+2000, 3, 0, "x")
	send("negative sequence", 0, producer, epoch+1, -2, "x")
	send("negative epoch", 0, producer, -1, 2, "x")
	last := producer + 3000
	send("the last sequences", 1, last, 0, 0x7ffffffe, "y", "z")
	send("sequence 0 after the last", 1, last, 0, 0, "0")
	wrapping := producer + 4000
	send("a batch that begins with the last sequence", 1, wrapping, 0, 0x7fffffff, "last", "0")
	send("goes on at 1", 1, wrapping, 0, 1, "1")
	send("the wrapping batch again", 1, wrapping, 0, 0x7fffffff, "last", "0")
	for _, version := range []int16{3, 7, 8, 11, 12, 13} {
		r.show("gap", version, produceRequest(topic, id, 0, batchBytes(sequenced(newBatch("gap"), producer, epoch+1, 100))))
		r.show("duplicate", version, produceRequest(topic, id, 0, batchBytes(sequenced(newBatch("1"), producer, epoch+1, 1))))
		r.show("old epoch", version, produceRequest(topic, id, 0, batchBytes(sequenced(newBatch("old"), producer, epoch, 9))))
	}
	t.showPartition(r, "what is there at the end", topic, 0)
	t.showPartition(r, "what is there at the end", topic, 1)
}

func rawInitProducerID(t *T) {
	r := t.raw()
	first, _ := initProducer(r)
	second, _ := initProducer(r)
	t.check(second > first, "producer id %d came after %d", second, first)
	request := func() *kmsg.InitProducerIDRequest {
		request := kmsg.NewPtrInitProducerIDRequest()
		request.TransactionTimeoutMillis, request.ProducerID, request.ProducerEpoch = 60000, -1, -1
		return request
	}
	for version := int16(0); version <= 5; version++ {
		r.show("new producer", version, request())
		timeless := request()
		timeless.TransactionTimeoutMillis = 0
		r.show("no timeout", version, timeless)
		empty := request()
		empty.TransactionalID = pointer("")
		r.show("empty transactional id", version, empty)
	}
	for version := int16(3); version <= 5; version++ {
		again := request()
		again.ProducerID, again.ProducerEpoch = first, 0
		response := ask[*kmsg.InitProducerIDResponse](r, version, again)
		t.show(fmt.Sprintf("v%d an id that is known already", version), fmt.Sprintf("%s, the same id: %v, epoch %d", codeName(response.ErrorCode), response.ProducerID == first, response.ProducerEpoch))
		odd := request()
		odd.ProducerID = first
		r.show("an id without an epoch", version, odd)
		other := request()
		other.ProducerEpoch = 3
		r.show("an epoch without an id", version, other)
	}
}
