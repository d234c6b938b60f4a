package main

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func rawConnectionScenarios() []scenario {
	return []scenario{
		{"raw-pipelining", rawPipelining},
		{"raw-frames", rawFrames},
	}
}

// rawPipelining sends many requests at once; the answers come in the order of the requests.
func rawPipelining(t *T) {
	topic, id := t.rawTopic("topic", 1)
	r := t.raw()
	var all []byte
	const count = 60
	for i := 0; i < count; i++ {
		var request kmsg.Request
		switch i % 3 {
		case 0:
			request = withVersion(9, produceRequest(topic, id, 0, batchBytes(newBatch(fmt.Sprint(i)))))
		case 1:
			fetch := fetchRequest(fetchTopic(topic, id, fetchPartition(0, int64(i/3))))
			fetch.MinBytes, fetch.MaxWaitMillis = 1, 5000
			request = withVersion(12, fetch)
		case 2:
			request = withVersion(5, listRequest(topic, listPartition(0, -1)))
		}
		all = append(all, r.frame(request)...)
		r.waiting = append(r.waiting, request)
	}
	_, err := r.socket.Write(all)
	t.ok("write", err)
	for i := 0; i < count; i++ {
		switch response := r.receive().(type) {
		case *kmsg.ProduceResponse:
			t.equal("offset", response.Topics[0].Partitions[0].BaseOffset, int64(i/3))
		case *kmsg.FetchResponse:
			t.check(len(response.Topics[0].Partitions[0].RecordBatches) > 0, "the fetch after produce %d is empty", i/3)
		case *kmsg.ListOffsetsResponse:
			t.equal("end offset", response.Topics[0].Partitions[0].Offset, int64(i/3+1))
		}
	}
	t.show("answers", fmt.Sprintf("%d, in the order of the requests", count))
}

func rawFrames(t *T) {
	topic, id := t.rawTopic("topic", 1)
	metadata := func(r *rawConnection) []byte { return r.frame(withVersion(9, metadataRequest(topic))) }

	r := t.raw()
	request := withVersion(9, produceRequest(topic, id, 0, batchBytes(newBatch("byte by byte"))))
	frame := r.frame(request)
	r.waiting = append(r.waiting, request)
	for i := range frame {
		_, err := r.socket.Write(frame[i : i+1])
		t.ok("write", err)
		if i%16 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	r.showNext("byte by byte", 9)

	header := func(key, version int16, correlation int32, rest ...byte) []byte {
		frame := make([]byte, 12)
		binary.BigEndian.PutUint16(frame[4:], uint16(key))
		binary.BigEndian.PutUint16(frame[6:], uint16(version))
		binary.BigEndian.PutUint32(frame[8:], uint32(correlation))
		frame = append(frame, rest...)
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
		return frame
	}
	noClient := []byte{0xff, 0xff}
	for _, bad := range []struct {
		what  string
		frame []byte
	}{
		{"size 0", []byte{0, 0, 0, 0}},
		{"size -1", []byte{0xff, 0xff, 0xff, 0xff}},
		{"size 104857601", []byte{0x06, 0x40, 0x00, 0x01}},
		{"size 1", []byte{0, 0, 0, 1, 0}},
		{"half a header", []byte{0, 0, 0, 4, 0, 3, 0, 0}},
		{"no body", header(3, 9, 1, noClient...)},
		{"unknown API 999", header(999, 0, 1, noClient...)},
		{"API -1", header(-1, 0, 1, noClient...)},
		{"Metadata v14", header(3, 14, 1, append(noClient, 0, 1, 0, 0, 0)...)},
		{"Metadata v-1", header(3, -1, 1, append(noClient, 0, 0, 0, 0)...)},
		{"Fetch v3", header(1, 3, 1, append(noClient, make([]byte, 30)...)...)},
		{"Fetch v19", header(1, 19, 1, append(noClient, make([]byte, 30)...)...)},
		{"ListOffsets v0", header(2, 0, 1, append(noClient, make([]byte, 8)...)...)},
		{"CreateTopics v1", header(19, 1, 1, append(noClient, make([]byte, 9)...)...)},
		{"a client id longer than the frame", header(3, 0, 1, 0x7f, 0xff, 'x')},
		{"more topics than the frame can hold", header(3, 1, 1, append(noClient, 0x7f, 0xff, 0xff, 0xff)...)},
		{"a topic name longer than the frame", header(3, 1, 1, append(noClient, 0, 0, 0, 1, 0, 50, 'x')...)},
		{"null where no null may be", header(10, 0, 1, append(noClient, 0xff, 0xff)...)},
		{"a varint that goes on for ever", header(3, 9, 1, append(noClient, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)...)},
		{"a tag longer than the frame", header(3, 9, 1, append(noClient, 1, 0, 0x7f, 1)...)},
	} {
		t.raw().showClosed(bad.what, bad.frame)
	}

	// None of that disturbs another connection, and unknown tags and a null client id are fine.
	tagged := t.raw()
	body := withVersion(9, metadataRequest(topic)).AppendTo(nil)
	body = append(body[:len(body)-1], 1, 77, 2, 0xca, 0xfe)
	frame = header(3, 9, 1, append(append([]byte{}, 0xff, 0xff, 1, 88, 1, 0xee), body...)...)
	_, err := tagged.socket.Write(frame)
	t.ok("write", err)
	response, err := tagged.read(withVersion(9, metadataRequest(topic)), 1)
	t.ok("answer to a request with unknown tags", err)
	t.dump("unknown tags and no client id", response)

	// librdkafka leaves three bytes behind its requests for the metadata of all topics.
	longer := t.raw()
	frame = append(metadata(longer), 0, 0, 0)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	_, err = longer.socket.Write(frame)
	t.ok("write", err)
	response, err = longer.read(withVersion(9, metadataRequest(topic)), longer.correlation)
	t.ok("answer to a request with bytes left over", err)
	t.dump("bytes left over after the body", response)

	whole := t.raw()
	_, err = whole.socket.Write(metadata(whole)[:20])
	t.ok("write", err)
	whole.socket.Close()
	r.show("still served", 9, metadataRequest(topic))
}
