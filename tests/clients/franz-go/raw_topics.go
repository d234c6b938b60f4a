package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func rawTopicScenarios() []scenario {
	return []scenario{
		{"raw-api-versions", rawAPIVersions},
		{"raw-metadata", rawMetadata},
		{"raw-metadata-create", rawMetadataCreate},
		{"raw-describe-cluster", rawDescribeCluster},
		{"raw-create-topics", rawCreateTopics},
		{"raw-create-topics-configs", rawCreateTopicsConfigs},
		{"raw-delete-topics", rawDeleteTopics},
		{"raw-describe-configs", rawDescribeConfigs},
	}
}

// The APIs that this program compares; a broker may have more.
var comparedAPIs = []int16{0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 29, 30, 31, 32, 34, 35, 37, 42, 43, 45, 46, 47, 48, 49, 55, 57, 60, 71, 72, 75}

func rawAPIVersions(t *T) {
	r := t.raw()
	for version := int16(0); version <= 4; version++ {
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "franz", "1.0"
		response := ask[*kmsg.ApiVersionsResponse](r, version, request)
		ranges := map[int16]string{}
		for _, api := range response.ApiKeys {
			t.check(ranges[api.ApiKey] == "", "API %d is listed twice", api.ApiKey)
			ranges[api.ApiKey] = fmt.Sprintf("%d to %d", api.MinVersion, api.MaxVersion)
		}
		t.show(fmt.Sprintf("v%d error", version), codeName(response.ErrorCode))
		for _, key := range comparedAPIs {
			t.show(fmt.Sprintf("v%d %s", version, kmsg.NameForKey(key)), ranges[key])
		}
	}

	tooNew := kmsg.NewPtrApiVersionsRequest()
	tooNew.ClientSoftwareName, tooNew.ClientSoftwareVersion = "franz", "1.0"
	frame := r.frame(withVersion(4, tooNew))
	frame[6], frame[7] = 0, 99
	_, err := r.socket.Write(frame)
	t.ok("write", err)
	response, err := r.read(withVersion(4, tooNew), r.correlation)
	t.ok("answer to version 99", err)
	t.dump("v99", response)

	for _, software := range [][2]string{{"", "1.0"}, {"franz", ""}, {"bad name!", "1.0"}, {"franz", "-1"}, {"-franz", "1.0"}, {"franz.go-1", "1.0-a.b"}} {
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = software[0], software[1]
		response := ask[*kmsg.ApiVersionsResponse](r, 3, request)
		t.show(fmt.Sprintf("v3 software %q version %q", software[0], software[1]), fmt.Sprintf("%s, APIs listed: %v", codeName(response.ErrorCode), len(response.ApiKeys) > 0))
	}
}

func metadataRequest(topics ...string) *kmsg.MetadataRequest {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	for _, topic := range topics {
		entry := kmsg.NewMetadataRequestTopic()
		entry.Topic = &topic
		request.Topics = append(request.Topics, entry)
	}
	return request
}

func metadataByID(ids ...[16]byte) *kmsg.MetadataRequest {
	request := kmsg.NewPtrMetadataRequest()
	for _, id := range ids {
		entry := kmsg.NewMetadataRequestTopic()
		entry.TopicID = id
		request.Topics = append(request.Topics, entry)
	}
	return request
}

func rawMetadata(t *T) {
	one, oneID := t.rawTopic("one", 1)
	three, threeID := t.rawTopic("three", 3)
	r := t.raw()
	for version := int16(0); version <= 13; version++ {
		r.show("two topics", version, metadataRequest(one, three))
		if version >= 1 {
			r.show("no topics", version, metadataRequest())
		}
		if version >= 4 {
			r.show("unknown topic", version, metadataRequest(t.name+".unknown"))
		}
		t.showOwnTopics(r, version)
	}
	for _, version := range []int16{4, 12} {
		for _, name := range badTopicNames() {
			request := metadataRequest(name)
			request.AllowAutoTopicCreation = true
			r.show("bad name "+bytesText([]byte(name)), version, request)
		}
	}
	r.show("the same topic twice", 12, metadataRequest(one, one))
	for _, version := range []int16{8, 9, 10, 11} {
		request := metadataRequest(one)
		request.IncludeTopicAuthorizedOperations = true
		request.IncludeClusterAuthorizedOperations = version <= 10
		r.show("with authorized operations", version, request)
	}
	for _, request := range []*kmsg.MetadataRequest{metadataRequest(one, t.name+".unknown", "bad name"), metadataByID([16]byte{1, 2, 3})} {
		request.IncludeTopicAuthorizedOperations = true
		r.show("operations of what is not there", 12, request)
	}
	for _, version := range []int16{12, 13} {
		r.show("by id", version, metadataByID(oneID, threeID))
		r.show("by unknown id", version, metadataByID([16]byte{1, 2, 3}))
		mixed := metadataByID(oneID)
		mixed.Topics[0].Topic = &three
		r.show("by name and another one's id", version, mixed)
		both := metadataByID(oneID)
		both.Topics = append(both.Topics, metadataRequest(three).Topics...)
		r.show("one by id and one by name", version, both)
	}
	for _, version := range []int16{10, 11} {
		r.show("by id", version, metadataByID(oneID))
		nameless := metadataByID([16]byte{})
		r.show("null name", version, nameless)
	}
}

// showOwnTopics asks for all topics and shows those of this scenario.
func (t *T) showOwnTopics(r *rawConnection, version int16) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil
	if version == 0 {
		request.Topics = []kmsg.MetadataRequestTopic{}
	}
	response := ask[*kmsg.MetadataResponse](r, version, request)
	var own []kmsg.MetadataResponseTopic
	for _, topic := range response.Topics {
		if topic.Topic != nil && strings.HasPrefix(*topic.Topic, t.name+".") {
			own = append(own, topic)
		}
	}
	response.Topics = own
	t.dump(fmt.Sprintf("v%d all topics", version), response)
}

func badTopicNames() []string {
	return []string{"", ".", "..", "a b", "a/b", "a:b", "größe", "a\x00b", strings.Repeat("x", 250)}
}

// rawMetadataCreate lets Metadata create topics; how many times a client has to ask until there is a leader is left open.
func rawMetadataCreate(t *T) {
	r := t.raw()
	for _, version := range []int16{0, 1, 3, 4, 8, 12, 13} {
		topic := fmt.Sprintf("%s.v%d", t.name, version)
		request := metadataRequest(topic)
		request.AllowAutoTopicCreation = true
		var response *kmsg.MetadataResponse
		t.until("the topic has a leader", func() bool {
			response = ask[*kmsg.MetadataResponse](r, version, request)
			t.equal("topics in the answer", len(response.Topics), 1)
			return response.Topics[0].ErrorCode == 0 && response.Topics[0].Partitions[0].ErrorCode == 0
		})
		t.dump(fmt.Sprintf("v%d created", version), response)
	}
	longest := metadataRequest(t.name + "." + strings.Repeat("x", 249-len(t.name)-1))
	longest.AllowAutoTopicCreation = true
	t.until("the topic has a leader", func() bool {
		return ask[*kmsg.MetadataResponse](r, 12, longest).Topics[0].ErrorCode == 0
	})
	t.show("a name of 249 characters", "created")
	refused := metadataRequest(t.name + ".refused")
	refused.AllowAutoTopicCreation = false
	r.show("not allowed", 12, refused)
	r.show("not allowed, asked again", 12, refused)
}

func rawDescribeCluster(t *T) {
	r := t.raw()
	for version := int16(0); version <= 2; version++ {
		request := kmsg.NewPtrDescribeClusterRequest()
		request.EndpointType = 1
		r.show("cluster", version, request)
		request.IncludeClusterAuthorizedOperations = true
		r.show("cluster with operations", version, request)
	}
	fenced := kmsg.NewPtrDescribeClusterRequest()
	fenced.EndpointType, fenced.IncludeFencedBrokers = 1, true
	r.show("with fenced brokers", 2, fenced)
	for _, endpoint := range []int8{2, 9} {
		controllers := kmsg.NewPtrDescribeClusterRequest()
		controllers.EndpointType = endpoint
		response := ask[*kmsg.DescribeClusterResponse](r, 1, controllers)
		t.show(fmt.Sprintf("v1 endpoint type %d", endpoint), codeName(response.ErrorCode))
	}
}

func createRequest(topics ...kmsg.CreateTopicsRequestTopic) *kmsg.CreateTopicsRequest {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 10000
	request.Topics = topics
	return request
}

func newTopic(name string, partitions int32, replicas int16) kmsg.CreateTopicsRequestTopic {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, replicas
	return topic
}

func assigned(name string, replicas map[int32][]int32) kmsg.CreateTopicsRequestTopic {
	topic := newTopic(name, -1, -1)
	for partition := int32(0); partition < 10; partition++ {
		if nodes, ok := replicas[partition]; ok {
			assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
			assignment.Partition, assignment.Replicas = partition, nodes
			topic.ReplicaAssignment = append(topic.ReplicaAssignment, assignment)
		}
	}
	return topic
}

func configured(topic kmsg.CreateTopicsRequestTopic, pairs ...string) kmsg.CreateTopicsRequestTopic {
	for i := 0; i+1 < len(pairs); i += 2 {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = pairs[i], &pairs[i+1]
		topic.Configs = append(topic.Configs, config)
	}
	return topic
}

// showCreated prints all but the configs, of which only the interesting ones are compared.
func (t *T) showCreated(r *rawConnection, what string, version int16, request *kmsg.CreateTopicsRequest) {
	response := ask[*kmsg.CreateTopicsResponse](r, version, request)
	for i, topic := range response.Topics {
		var kept []kmsg.CreateTopicsResponseTopicConfig
		for _, config := range topic.Configs {
			if comparedConfig(config.Name) {
				kept = append(kept, config)
			}
		}
		response.Topics[i].Configs = kept
	}
	t.dump(fmt.Sprintf("v%d %s", version, what), response)
}

// comparedConfig tells the topic settings that every broker of this kind has.
func comparedConfig(name string) bool {
	switch name {
	case "cleanup.policy", "compression.type", "max.message.bytes", "message.timestamp.type", "retention.bytes", "retention.ms", "segment.bytes":
		return true
	}
	return false
}

func rawCreateTopics(t *T) {
	r := t.raw()
	name := func(format string, arguments ...any) string { return t.name + "." + fmt.Sprintf(format, arguments...) }
	for version := int16(2); version <= 7; version++ {
		t.showCreated(r, "one and three partitions", version, createRequest(newTopic(name("v%d-one", version), 1, 1), newTopic(name("v%d-three", version), 3, 1)))
		if version >= 4 {
			t.showCreated(r, "default partitions and replicas", version, createRequest(newTopic(name("v%d-defaults", version), -1, -1)))
		}
		t.showCreated(r, "exists", version, createRequest(newTopic(name("v%d-one", version), 1, 1)))
		only := createRequest(newTopic(name("v%d-validated", version), 2, 1), newTopic(name("v%d-one", version), 1, 1))
		only.ValidateOnly = true
		t.showCreated(r, "validate only", version, only)
		r.show("metadata of what was only validated", 12, metadataRequest(name("v%d-validated", version)))
		t.showCreated(r, "assigned by hand", version, createRequest(assigned(name("v%d-assigned", version), map[int32][]int32{0: {1}, 1: {1}})))
		t.showCreated(r, "bad partitions", version, createRequest(newTopic(name("zero"), 0, 1), newTopic(name("negative"), -2, 1)))
		t.showCreated(r, "bad replicas", version, createRequest(newTopic(name("two"), 1, 2), newTopic(name("none"), 1, 0), newTopic(name("negative"), 1, -2)))
	}
	for _, bad := range badTopicNames() {
		t.showCreated(r, "bad name "+bytesText([]byte(bad)), 7, createRequest(newTopic(bad, 1, 1)))
	}
	t.showCreated(r, "the same name twice", 7, createRequest(newTopic(name("twice"), 1, 1), newTopic(name("twice"), 2, 1), newTopic(name("beside"), 1, 1)))
	t.showCreated(r, "a name that collides", 7, createRequest(newTopic(strings.ReplaceAll(name("v7-one"), ".", "_"), 1, 1)))
	t.showCreated(r, "no topics", 7, createRequest())
	t.showCreated(r, "unknown node", 7, createRequest(assigned(name("node"), map[int32][]int32{0: {77}})))
	t.showCreated(r, "node twice", 7, createRequest(assigned(name("node"), map[int32][]int32{0: {1, 1}})))
	t.showCreated(r, "no node", 7, createRequest(assigned(name("node"), map[int32][]int32{0: {}})))
	t.showCreated(r, "gap in the partitions", 7, createRequest(assigned(name("gap"), map[int32][]int32{0: {1}, 2: {1}})))
	both := assigned(name("both"), map[int32][]int32{0: {1}})
	both.NumPartitions, both.ReplicationFactor = 1, 1
	t.showCreated(r, "count and assignment", 7, createRequest(both))
	ready := kadm.NewClient(t.client())
	for _, topic := range []string{name("v7-three"), name("v7-assigned"), name("v7-defaults")} {
		t.waitForTopic(ready, topic)
		r.show("metadata of "+topic, 12, metadataRequest(topic))
	}
}

func rawCreateTopicsConfigs(t *T) {
	r := t.raw()
	name := func(suffix string) string { return t.name + "." + suffix }
	good := []string{"retention.ms", "3600000", "cleanup.policy", "compact", "max.message.bytes", "2000", "compression.type", "gzip"}
	for version := int16(2); version <= 7; version++ {
		t.showCreated(r, "with configs", version, createRequest(configured(newTopic(name(fmt.Sprintf("v%d", version)), 1, 1), good...)))
	}
	for _, bad := range [][]string{
		{"no.such.config", "1"},
		{"retention.ms", "soon"},
		{"retention.ms", "-2"},
		{"cleanup.policy", "burn"},
		{"compression.type", "rar"},
		{"max.message.bytes", "-1"},
		{"message.timestamp.type", "Never"},
		{"min.insync.replicas", "0"},
		{"segment.bytes", "1"},
	} {
		t.showCreated(r, bad[0]+"="+bad[1], 7, createRequest(configured(newTopic(name("bad"), 1, 1), bad...)))
	}
	null := newTopic(name("null"), 1, 1)
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name = "retention.ms"
	null.Configs = append(null.Configs, config)
	t.showCreated(r, "null value", 7, createRequest(null))
	only := createRequest(configured(newTopic(name("only"), 1, 1), "retention.ms", "soon"))
	only.ValidateOnly = true
	t.showCreated(r, "validate only with a bad value", 7, only)
	t.showCreated(r, "cleanup.policy of two", 7, createRequest(configured(newTopic(name("two"), 1, 1), "cleanup.policy", "compact,delete")))
}

func deleteByName(topics ...string) *kmsg.DeleteTopicsRequest {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = 10000
	request.TopicNames = topics
	for _, topic := range topics {
		entry := kmsg.NewDeleteTopicsRequestTopic()
		entry.Topic = &topic
		request.Topics = append(request.Topics, entry)
	}
	return request
}

func deleteByID(ids ...[16]byte) *kmsg.DeleteTopicsRequest {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = 10000
	for _, id := range ids {
		entry := kmsg.NewDeleteTopicsRequestTopic()
		entry.TopicID = id
		request.Topics = append(request.Topics, entry)
	}
	return request
}

// untilGone waits until the broker has noticed that a topic was deleted.
func (t *T) untilGone(r *rawConnection, topics ...string) {
	t.until("the topics are gone", func() bool {
		for _, topic := range ask[*kmsg.MetadataResponse](r, 12, metadataRequest(topics...)).Topics {
			if topic.ErrorCode == 0 {
				return false
			}
		}
		return true
	})
}

func rawDeleteTopics(t *T) {
	r := t.raw()
	for version := int16(1); version <= 6; version++ {
		a, _ := t.rawTopic(fmt.Sprintf("v%d-a", version), 1)
		b, _ := t.rawTopic(fmt.Sprintf("v%d-b", version), 2)
		r.show("two topics and an unknown one", version, deleteByName(a, b, t.name+".unknown"))
		t.untilGone(r, a, b)
		r.show("metadata afterwards", 12, metadataRequest(a, b))
		r.show("deleted again", version, deleteByName(a))
	}
	byID, id := t.rawTopic("by-id", 1)
	r.show("by id", 6, deleteByID(id))
	t.untilGone(r, byID)
	r.show("by id again", 6, deleteByID(id))
	r.show("by an unknown id", 6, deleteByID([16]byte{9}))
	r.show("by neither name nor id", 6, deleteByID([16]byte{}))
	named, namedID := t.rawTopic("named", 1)
	both := deleteByID(namedID)
	both.Topics[0].Topic = &named
	r.show("by both name and id", 6, both)
	r.show("the same name twice", 6, deleteByName(named, named))
	again := deleteByName(named)
	again.Topics = append(again.Topics, deleteByID(namedID).Topics...)
	r.show("by name and once more by id", 6, again)
	r.show("no topics", 6, deleteByName())
	r.show("bad name", 6, deleteByName("a b"))
}

func configsRequest(kind kmsg.ConfigResourceType, name string, keys ...string) *kmsg.DescribeConfigsRequest {
	request := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kind, name, keys
	request.Resources = append(request.Resources, resource)
	return request
}

func rawDescribeConfigs(t *T) {
	topic, _ := t.rawTopic("topic", 1, "retention.ms", "3600000", "cleanup.policy", "compact")
	r := t.raw()
	keys := []string{"retention.ms", "cleanup.policy", "max.message.bytes", "segment.bytes", "compression.type", "message.timestamp.type", "retention.bytes"}
	for version := int16(1); version <= 4; version++ {
		request := configsRequest(kmsg.ConfigResourceTypeTopic, topic, keys...)
		request.IncludeSynonyms, request.IncludeDocumentation = true, true
		r.show("topic with synonyms", version, request)
		r.show("topic", version, configsRequest(kmsg.ConfigResourceTypeTopic, topic, keys...))
		r.show("unknown topic", version, configsRequest(kmsg.ConfigResourceTypeTopic, t.name+".unknown", keys...))
	}
	r.show("bad name", 4, configsRequest(kmsg.ConfigResourceTypeTopic, "a b", keys...))
	r.show("empty name", 4, configsRequest(kmsg.ConfigResourceTypeTopic, "", keys...))
	r.show("unknown setting", 4, configsRequest(kmsg.ConfigResourceTypeTopic, topic, "no.such.config"))
	empty := configsRequest(kmsg.ConfigResourceTypeTopic, topic)
	empty.Resources[0].ConfigNames = []string{}
	t.showSettings(r, "an empty list of settings", empty)
	t.showSettings(r, "all settings", configsRequest(kmsg.ConfigResourceTypeTopic, topic))
	r.show("a broker that is not there", 4, configsRequest(kmsg.ConfigResourceTypeBroker, "77", "num.partitions"))
	r.show("a broker whose id is no number", 4, configsRequest(kmsg.ConfigResourceTypeBroker, "one", "num.partitions"))
	r.show("unknown kind of resource", 4, configsRequest(kmsg.ConfigResourceType(99), topic))
	broker := configsRequest(kmsg.ConfigResourceTypeBroker, "1", "num.partitions", "auto.create.topics.enable", "message.max.bytes", "log.retention.ms")
	t.show("broker settings", brokerSettings(t, ask[*kmsg.DescribeConfigsResponse](r, 4, broker)))
}

// showSettings prints the compared ones of all settings.
func (t *T) showSettings(r *rawConnection, what string, request *kmsg.DescribeConfigsRequest) {
	response := ask[*kmsg.DescribeConfigsResponse](r, 4, request)
	t.equal("resources in the answer", len(response.Resources), 1)
	var kept []kmsg.DescribeConfigsResponseResourceConfig
	for _, config := range response.Resources[0].Configs {
		if comparedConfig(config.Name) {
			kept = append(kept, config)
		}
	}
	response.Resources[0].Configs = kept
	t.dump("v4 "+what, response)
}

// brokerSettings shows only values, because where they come from depends on how the broker was started.
func brokerSettings(t *T, response *kmsg.DescribeConfigsResponse) string {
	var all []string
	for _, element := range response.Resources {
		t.ok("describe the broker", errorOf(element.ErrorCode))
		for _, config := range element.Configs {
			value := "null"
			if config.Value != nil {
				value = *config.Value
			}
			all = append(all, config.Name+"="+value)
		}
	}
	return strings.Join(sorted(all), " ")
}

func errorOf(code int16) error {
	if code == 0 {
		return nil
	}
	return errors.New(codeName(code))
}
