package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// rawConnection is one socket on which requests go out exactly as the scenario made them.
type rawConnection struct {
	t           *T
	socket      net.Conn
	clientID    string
	correlation int32
	// What was sent and not yet answered, in order.
	waiting []kmsg.Request
}

func (t *T) raw() *rawConnection { return t.rawAs("raw") }

// rawAs gives the connection a client id of its own, which generated member ids begin with.
func (t *T) rawAs(clientID string) *rawConnection {
	socket, err := net.Dial("tcp", t.bootstrap)
	t.ok("connect", err)
	deadline, _ := t.ctx.Deadline()
	t.ok("set a deadline", socket.SetDeadline(deadline))
	t.atEnd(func() { socket.Close() })
	return &rawConnection{t: t, socket: socket, clientID: clientID}
}

func withVersion[R kmsg.Request](version int16, request R) R {
	request.SetVersion(version)
	return request
}

// frame is the request as it goes over the wire, with its length in front.
func (r *rawConnection) frame(request kmsg.Request) []byte {
	r.correlation++
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID(r.clientID))
	return formatter.AppendRequest(nil, request, r.correlation)
}

func (r *rawConnection) send(request kmsg.Request) {
	_, err := r.socket.Write(r.frame(request))
	r.t.ok("write", err)
	r.waiting = append(r.waiting, request)
}

// receive reads the answer to the oldest request that has none. The answer has to be encoded again to the same bytes, so that
// nothing of it goes unseen.
func (r *rawConnection) receive() kmsg.Response {
	request := r.waiting[0]
	r.waiting = r.waiting[1:]
	response, err := r.read(request, r.correlation-int32(len(r.waiting)))
	r.t.ok(fmt.Sprintf("answer to %s v%d", kmsg.NameForKey(request.Key()), request.GetVersion()), err)
	return response
}

func (r *rawConnection) read(request kmsg.Request, correlation int32) (kmsg.Response, error) {
	body, err := r.readFrame()
	if err != nil {
		return nil, err
	}
	if len(body) < 4 {
		return nil, fmt.Errorf("the answer has %d bytes", len(body))
	}
	if got := int32(binary.BigEndian.Uint32(body)); got != correlation {
		return nil, fmt.Errorf("the correlation id is %d and should be %d", got, correlation)
	}
	body = body[4:]
	const apiVersions = 18
	if request.IsFlexible() && request.Key() != apiVersions {
		if len(body) == 0 || body[0] != 0 {
			return nil, errors.New("the header has no empty tag section")
		}
		body = body[1:]
	}
	response := request.ResponseKind()
	response.SetVersion(request.GetVersion())
	// A broker that does not know the version answers ApiVersions in version 0.
	if request.Key() == apiVersions && len(body) >= 2 && binary.BigEndian.Uint16(body) == 35 {
		response.SetVersion(0)
	}
	if err := response.ReadFrom(body); err != nil {
		return nil, err
	}
	if again := response.AppendTo(nil); !bytes.Equal(again, body) {
		return nil, fmt.Errorf("the answer has bytes that its fields do not explain:\n%x\n%x", body, again)
	}
	return response, nil
}

func (r *rawConnection) readFrame() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r.socket, length[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(r.socket, body)
	return body, err
}

// ask sends one request and returns its answer.
func ask[R kmsg.Response](r *rawConnection, version int16, request kmsg.Request) R {
	r.send(withVersion(version, request))
	return r.receive().(R)
}

// show asks and prints the whole answer.
func (r *rawConnection) show(what string, version int16, request kmsg.Request) {
	r.send(withVersion(version, request))
	r.showNext(what, version)
}

// showNext prints the answer to the oldest request that has none.
func (r *rawConnection) showNext(what string, version int16) {
	r.t.dump(fmt.Sprintf("v%d %s", version, what), r.receive())
}

// showClosed sends bytes which the broker is to answer by closing the connection.
func (r *rawConnection) showClosed(what string, frame []byte) {
	r.socket.Write(frame)
	r.socket.SetReadDeadline(time.Now().Add(5 * time.Second))
	body, err := r.readFrame()
	var timeout net.Error
	switch {
	case err == nil:
		r.t.show(what, fmt.Sprintf("answered with %d bytes", len(body)))
	case errors.As(err, &timeout) && timeout.Timeout():
		r.t.show(what, "neither answered nor closed")
	default:
		r.t.show(what, "closed")
	}
	r.socket.Close()
}

// dump prints every field of a response: a line for each struct, and below it a line for each struct in its arrays.
func (t *T) dump(what string, response any) {
	if fetched, ok := response.(*kmsg.FetchResponse); ok {
		mergeTopics(fetched)
	}
	t.dumpStruct(what, "", reflect.ValueOf(response).Elem())
}

// mergeTopics puts together what a broker says of one topic in several places.
func mergeTopics(response *kmsg.FetchResponse) {
	var merged []kmsg.FetchResponseTopic
	for _, topic := range response.Topics {
		known := slices.IndexFunc(merged, func(other kmsg.FetchResponseTopic) bool {
			return other.Topic == topic.Topic && other.TopicID == topic.TopicID
		})
		if known < 0 {
			merged = append(merged, topic)
		} else {
			merged[known].Partitions = append(merged[known].Partitions, topic.Partitions...)
		}
	}
	response.Topics = merged
}

func (t *T) dumpStruct(what, path string, value reflect.Value) {
	t.learnTopicIDs(value)
	var fields []string
	var nested []func()
	for i := 0; i < value.NumField(); i++ {
		name, field := value.Type().Field(i).Name, value.Field(i)
		switch {
		case name == "Version" || name == "UnknownTags" || absent(name, field):
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			below := strings.TrimPrefix(path+"."+name, ".")
			elements := t.sortedElements(field)
			if len(elements) == 0 {
				fields = append(fields, fmt.Sprintf("%s=%s", name, emptyText(field)))
			}
			for j, element := range elements {
				nested = append(nested, func() { t.dumpStruct(what, fmt.Sprintf("%s[%d]", below, j), element) })
			}
		case name == "RecordBatches":
			batches := field.Bytes()
			fields = append(fields, fmt.Sprintf("%s=%s", name, t.batchesSummary(batches)))
			nested = append(nested, func() { t.dumpBatches(what, path, batches) })
		default:
			fields = append(fields, fmt.Sprintf("%s=%s", name, t.fieldText(name, field)))
		}
	}
	if len(fields) > 0 {
		t.show(strings.TrimSpace(what+" "+path), strings.Join(fields, " "))
	}
	for _, show := range nested {
		show()
	}
}

// absent tells the fields that are not shown: words for people, which each broker finds for itself, and optional fields that say
// nothing because they have their default.
func absent(name string, field reflect.Value) bool {
	switch name {
	case "ErrorMessage":
		return true
	case "ThrottleMillis", "DivergingEpoch", "CurrentLeader", "SnapshotID":
		unset := reflect.New(field.Type())
		if defaulted, ok := unset.Interface().(interface{ Default() }); ok {
			defaulted.Default()
		}
		return reflect.DeepEqual(field.Interface(), unset.Elem().Interface())
	case "Brokers", "AbortedTransactions":
		return field.Len() == 0
	}
	return false
}

func emptyText(slice reflect.Value) string {
	if slice.IsNil() {
		return "null"
	}
	return "[]"
}

// sortedElements orders an array by what names its elements, because brokers may answer in any order.
func (t *T) sortedElements(slice reflect.Value) []reflect.Value {
	elements := make([]reflect.Value, slice.Len())
	for i := range elements {
		elements[i] = slice.Index(i)
	}
	sort.SliceStable(elements, func(i, j int) bool { return t.sortKey(elements[i]) < t.sortKey(elements[j]) })
	return elements
}

func (t *T) sortKey(element reflect.Value) string {
	var key string
	topic, id := element.FieldByName("Topic"), element.FieldByName("TopicID")
	if id.IsValid() && (!topic.IsValid() || topic.IsZero()) {
		key = t.topicIDText(id.Interface().([16]byte)) + " "
	}
	for _, name := range []string{"Topic", "Group", "Name", "ResourceName", "Key", "ApiKey", "NodeID", "Partition", "InstanceID", "MemberID"} {
		field := element.FieldByName(name)
		if !field.IsValid() {
			continue
		}
		if field.Kind() == reflect.Pointer {
			if field.IsNil() {
				continue
			}
			field = field.Elem()
		}
		if field.CanInt() {
			key += fmt.Sprintf("%08d ", field.Int())
		} else {
			key += field.String() + " "
		}
	}
	return key
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Za-z0-9_-]{22}$`)

// fieldText writes a field; what a broker makes up itself is replaced by what can be said of it.
func (t *T) fieldText(name string, field reflect.Value) string {
	if field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return "null"
		}
		field = field.Elem()
	}
	switch name {
	case "ErrorCode", "ConfigErrorCode":
		return codeName(int16(field.Int()))
	case "Documentation":
		return "text"
	case "TopicID":
		return t.topicIDText(field.Interface().([16]byte))
	case "Host":
		if host, _, _ := net.SplitHostPort(t.bootstrap); field.String() == host {
			return "bootstrap's"
		}
	case "Port":
		if _, port, _ := net.SplitHostPort(t.bootstrap); fmt.Sprint(field.Int()) == port {
			return "bootstrap's"
		}
	case "ClusterID":
		if field.String() != "" {
			return "some"
		}
	case "SessionID", "ProducerID":
		if field.Int() > 0 || name == "ProducerID" && field.Int() == 0 {
			return "some"
		}
	case "LogAppendTime":
		if age := time.Since(time.UnixMilli(field.Int())); age > -time.Second && age < time.Minute {
			return "recent"
		}
	case "MemberID", "LeaderID":
		if field.Kind() == reflect.String {
			return fmt.Sprintf("%q", uuid.ReplaceAllString(field.String(), "<uuid>"))
		}
	}
	switch field.Kind() {
	case reflect.String:
		return fmt.Sprintf("%q", field.String())
	case reflect.Struct:
		return t.inlineText(field)
	case reflect.Slice:
		if field.Type().Elem().Kind() == reflect.Uint8 {
			return bytesText(field.Bytes())
		}
		if field.Len() == 0 {
			return emptyText(field)
		}
	}
	return fmt.Sprintf("%v", field.Interface())
}

// inlineText writes a struct that is a field of its own, not an array's element.
func (t *T) inlineText(value reflect.Value) string {
	var fields []string
	for i := 0; i < value.NumField(); i++ {
		if name := value.Type().Field(i).Name; name != "UnknownTags" {
			fields = append(fields, fmt.Sprintf("%s=%s", name, t.fieldText(name, value.Field(i))))
		}
	}
	return "{" + strings.Join(fields, " ") + "}"
}

// topicIDText calls an id by the topic that it was first seen with.
func (t *T) topicIDText(id [16]byte) string {
	if id == [16]byte{} {
		return "zero"
	}
	if name := t.topicIDs[id]; name != "" {
		return name
	}
	return fmt.Sprintf("%x", id)
}

// learnTopicID remembers whose id this is. A topic that was deleted and created again has several.
func (t *T) learnTopicID(id [16]byte, topic string) {
	if id == [16]byte{} || t.topicIDs[id] != "" {
		return
	}
	name := "id-of-" + topic
	for taken := true; taken; {
		taken = false
		for _, other := range t.topicIDs {
			if other == name {
				name, taken = "another-"+name, true
			}
		}
	}
	t.topicIDs[id] = name
}

// learnTopicIDs looks at a struct that may hold both the name and the id of a topic.
func (t *T) learnTopicIDs(value reflect.Value) {
	topic, id := value.FieldByName("Topic"), value.FieldByName("TopicID")
	if !topic.IsValid() || !id.IsValid() {
		return
	}
	if topic.Kind() == reflect.Pointer {
		topic = topic.Elem()
	}
	if topic.IsValid() && topic.String() != "" {
		t.learnTopicID(id.Interface().([16]byte), topic.String())
	}
}

func (t *T) batchesSummary(batches []byte) string {
	if len(batches) == 0 {
		return bytesText(batches)
	}
	return fmt.Sprintf("%d bytes", len(batches))
}

// dumpBatches prints the header and the records of each batch that is there in full.
func (t *T) dumpBatches(what, path string, batches []byte) {
	for number := 0; len(batches) > 0; number++ {
		name := fmt.Sprintf("%s %s batch %d", what, path, number)
		if len(batches) < 12 || len(batches) < 12+int(binary.BigEndian.Uint32(batches[8:])) {
			t.show(name, fmt.Sprintf("the first %d bytes of one", len(batches)))
			return
		}
		size := 12 + int(binary.BigEndian.Uint32(batches[8:]))
		var batch kmsg.RecordBatch
		t.ok("record batch", batch.ReadFrom(batches[:size]))
		crc := "right"
		if uint32(batch.CRC) != checksum(batches[21:size]) {
			crc = "wrong"
		}
		t.show(name, fmt.Sprintf("offset %d length %d leader epoch %d magic %d crc %s attributes %d last delta %d first %s max %s producer %s epoch %d sequence %d records %d",
			batch.FirstOffset, batch.Length, batch.PartitionLeaderEpoch, batch.Magic, crc, batch.Attributes, batch.LastOffsetDelta,
			timeText(batch.FirstTimestamp), timeText(batch.MaxTimestamp), producerText(batch.ProducerID), batch.ProducerEpoch, batch.FirstSequence, batch.NumRecords))
		t.show(name+" payload", bytesText(batch.Records))
		batches = batches[size:]
	}
}

func timeText(millis int64) string {
	if age := time.Since(time.UnixMilli(millis)); age > -time.Minute && age < time.Minute {
		return "recent"
	}
	return fmt.Sprint(millis)
}

func producerText(id int64) string {
	if id >= 0 {
		return "some"
	}
	return fmt.Sprint(id)
}

// rawTopic makes a topic and returns its name and id, once every partition of it is there.
func (t *T) rawTopic(suffix string, partitions int32, configs ...string) (string, [16]byte) {
	topic := t.name + "." + suffix
	values := map[string]*string{}
	for i := 0; i+1 < len(configs); i += 2 {
		values[configs[i]] = &configs[i+1]
	}
	admin := kadm.NewClient(t.client())
	response, err := admin.CreateTopic(t.ctx, partitions, 1, values, topic)
	t.ok("create "+topic, err)
	t.learnTopicID(response.ID, topic)
	t.waitForTopic(admin, topic)
	return topic, response.ID
}

// waitForTopic returns when the broker serves every partition of a topic, which Kafka does a moment after it created it.
func (t *T) waitForTopic(admin *kadm.Client, topic string) {
	t.until(topic+" is served", func() bool {
		offsets, err := admin.ListEndOffsets(t.ctx, topic)
		return err == nil && offsets.Error() == nil && len(offsets[topic]) > 0
	})
}

// coordinator waits until the broker coordinates groups: Kafka first has to create the topic that it keeps them in.
func (t *T) coordinator() {
	r := t.raw()
	t.until("the coordinator is there", func() bool {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.CoordinatorKey = t.name
		if ask[*kmsg.FindCoordinatorResponse](r, 2, find).ErrorCode != 0 {
			return false
		}
		return ask[*kmsg.OffsetFetchResponse](r, 7, oldFetch(t.name)).ErrorCode == 0
	})
}

// fill produces numbered records, a batch for each, at a second's distance.
func (t *T) fill(topic string, partition int32, count int) {
	producer := t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
	for _, record := range numbered(topic, count) {
		record.Partition = partition
		t.produce(producer, record)
	}
}

func pointer[V any](value V) *V { return &value }

func sorted(all []string) []string {
	sort.Strings(all)
	return all
}
