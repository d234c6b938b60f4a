package main

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// newBatch is a correct batch of records with these values, the first at firstTimestamp and each a second later.
func newBatch(values ...string) *kmsg.RecordBatch {
	batch := &kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		LastOffsetDelta: int32(len(values) - 1), NumRecords: int32(len(values)),
		FirstTimestamp: firstTimestamp, MaxTimestamp: firstTimestamp + int64(len(values)-1)*1000,
	}
	for i, value := range values {
		batch.Records = append(batch.Records, recordBytes(int32(i), int64(i)*1000, []byte("k"), []byte(value))...)
	}
	return batch
}

// sequenced makes the batch one of an idempotent producer.
func sequenced(batch *kmsg.RecordBatch, id int64, epoch int16, sequence int32) *kmsg.RecordBatch {
	batch.ProducerID, batch.ProducerEpoch, batch.FirstSequence = id, epoch, sequence
	return batch
}

func recordBytes(offsetDelta int32, timestampDelta int64, key, value []byte) []byte {
	record := kmsg.Record{TimestampDelta64: timestampDelta, OffsetDelta: offsetDelta, Key: key, Value: value}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	return record.AppendTo(nil)
}

// batchBytes encodes a batch; its length and its checksum are put in, and then one may spoil them.
func batchBytes(batch *kmsg.RecordBatch) []byte {
	data := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(data[8:], uint32(len(data)-12))
	return sealed(data)
}

// sealed puts in the checksum that fits the bytes.
func sealed(data []byte) []byte {
	binary.BigEndian.PutUint32(data[17:], checksum(data[21:]))
	return data
}
