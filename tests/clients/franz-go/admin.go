package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func adminScenarios() []scenario {
	return []scenario{
		{"admin-topics", adminTopics},
		{"admin-cluster", adminCluster},
		{"admin-configs", adminConfigs},
		{"admin-groups", adminGroups},
		{"admin-regex", adminRegex},
	}
}

func adminTopics(t *T) {
	admin := kadm.NewClient(t.client())
	name := func(suffix string) string { return t.name + "." + suffix }
	create := func(what string, partitions int32, replicas int16, topic string) {
		response, err := admin.CreateTopic(t.ctx, partitions, replicas, nil, topic)
		if err != nil {
			t.show(what, err)
			return
		}
		t.show(what, fmt.Sprintf("partitions %d replicas %d with an id: %v", response.NumPartitions, response.ReplicationFactor, response.ID != kadm.TopicID{}))
	}
	create("create with 1 partition", 1, 1, name("one"))
	create("create with 3 partitions", 3, 1, name("three"))
	create("create with defaults", -1, -1, name("defaults"))
	create("create again", 1, 1, name("one"))
	create("create with 0 partitions", 0, 1, name("zero"))
	create("create with 2 replicas", 1, 2, name("replicas"))
	create("create with 0 replicas", 1, 0, name("replicas"))
	for _, bad := range badTopicNames() {
		create("create "+bytesText([]byte(bad)), 1, 1, bad)
	}
	validated, err := admin.ValidateCreateTopics(t.ctx, 2, 1, nil, name("validated"), name("one"))
	t.ok("validate", err)
	for _, topic := range validated.Sorted() {
		t.show("validate "+topic.Topic, fmt.Sprintf("error %s partitions %d", text(topic.Err), topic.NumPartitions))
	}
	t.waitForTopic(admin, name("three"))
	t.waitForTopic(admin, name("defaults"))
	listed, err := admin.ListTopics(t.ctx)
	t.ok("list topics", err)
	for _, topic := range listed.Sorted() {
		if strings.HasPrefix(topic.Topic, t.name+".") {
			t.show("listed "+topic.Topic, topicText(topic))
		}
	}
	some, err := admin.ListTopics(t.ctx, name("three"), name("unknown"))
	t.ok("list topics", err)
	for _, topic := range some.Sorted() {
		t.show("described "+topic.Topic, topicText(topic))
	}

	responses, err := admin.DeleteTopics(t.ctx, name("three"), name("unknown"))
	t.ok("delete topics", err)
	for _, topic := range []string{name("three"), name("unknown")} {
		t.show("delete "+topic, text(responses[topic].Err))
	}
	t.until("the topic is gone", func() bool {
		after, err := admin.ListTopics(t.ctx, name("three"))
		return err == nil && errors.Is(after[name("three")].Err, kerr.UnknownTopicOrPartition)
	})
	create("create anew", 2, 1, name("three"))
	t.waitForTopic(admin, name("three"))
	ends, err := admin.ListEndOffsets(t.ctx, name("three"))
	t.ok("list offsets", err)
	t.show("end offsets of the new one", listedText(ends, name("three")))
}

func topicText(topic kadm.TopicDetail) string {
	var partitions []string
	for _, partition := range topic.Partitions.Sorted() {
		partitions = append(partitions, fmt.Sprintf("%d: leader %d epoch %d replicas %v isr %v offline %v error %s", partition.Partition, partition.Leader, partition.LeaderEpoch, partition.Replicas, partition.ISR, partition.OfflineReplicas, text(partition.Err)))
	}
	return fmt.Sprintf("error %s internal %v with an id: %v partitions [%s]", text(topic.Err), topic.IsInternal, topic.ID != kadm.TopicID{}, strings.Join(partitions, ", "))
}

func adminCluster(t *T) {
	admin := kadm.NewClient(t.client())
	metadata, err := admin.BrokerMetadata(t.ctx)
	t.ok("metadata", err)
	t.show("controller", metadata.Controller)
	t.check(metadata.Cluster != "", "the cluster has no id")
	again, err := kadm.NewClient(t.client()).BrokerMetadata(t.ctx)
	t.ok("metadata", err)
	t.equal("cluster id", again.Cluster, metadata.Cluster)
	t.show("cluster id", "always the same")
	for _, broker := range metadata.Brokers {
		t.equal("address of the broker", fmt.Sprintf("%s:%d", broker.Host, broker.Port), t.bootstrap)
		rack := "none"
		if broker.Rack != nil {
			rack = *broker.Rack
		}
		t.show("broker", fmt.Sprintf("id %d at the bootstrap address, rack %s", broker.NodeID, rack))
	}
	t.ok("ping", t.client().Ping(t.ctx))
	coordinators := admin.FindGroupCoordinators(t.ctx, "some", "other")
	t.until("there is a coordinator", func() bool {
		coordinators = admin.FindGroupCoordinators(t.ctx, "some", "other")
		return coordinators.Error() == nil
	})
	for _, coordinator := range coordinators.Sorted() {
		t.show("coordinator of "+coordinator.Name, coordinator.NodeID)
	}
}

func adminConfigs(t *T) {
	admin := kadm.NewClient(t.client())
	topic := t.name + ".topic"
	set := map[string]*string{"retention.ms": pointer("123456"), "cleanup.policy": pointer("compact,delete"), "max.message.bytes": pointer("5000")}
	_, err := admin.CreateTopic(t.ctx, 1, 1, set, topic)
	t.ok("create", err)
	t.waitForTopic(admin, topic)
	configs, err := admin.DescribeTopicConfigs(t.ctx, topic, t.name+".unknown")
	t.ok("describe configs", err)
	for _, resource := range configs {
		if resource.Err != nil {
			t.show("configs of "+resource.Name, resource.Err)
			continue
		}
		var lines []string
		for _, config := range resource.Configs {
			if comparedConfig(config.Key) {
				lines = append(lines, fmt.Sprintf("%s = %s from %v", config.Key, config.MaybeValue(), config.Source))
			}
		}
		for _, line := range sorted(lines) {
			t.show("config", line)
		}
	}
	_, err = admin.CreateTopic(t.ctx, 1, 1, map[string]*string{"no.such.config": pointer("1")}, t.name+".bad")
	t.showError("unknown config", err)
	_, err = admin.CreateTopic(t.ctx, 1, 1, map[string]*string{"retention.ms": pointer("soon")}, t.name+".bad")
	t.showError("bad value", err)
	producer := t.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	t.showError("a record above the topic's limit", producer.ProduceSync(t.ctx, &kgo.Record{Topic: topic, Key: []byte("k"), Value: make([]byte, 5000)}).FirstErr())
	t.ok("a record below it", producer.ProduceSync(t.ctx, &kgo.Record{Topic: topic, Key: []byte("k"), Value: make([]byte, 4000)}).FirstErr())
	t.showError("a record without a key in a compacted topic", producer.ProduceSync(t.ctx, &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr())
}

func adminGroups(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	admin := kadm.NewClient(t.client())
	member := t.member(t.name+".live", kgo.RangeBalancer(), []string{topic})
	t.stable("live", t.name+".live", 2, member)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 3, LeaderEpoch: -1})
	t.ok("commit", admin.CommitAllOffsets(t.ctx, t.name+".idle", offsets))
	list := func(what string, states ...string) {
		groups, err := admin.ListGroups(t.ctx, states...)
		t.ok("list groups", err)
		var all []string
		for _, group := range groups.Sorted() {
			if strings.HasPrefix(group.Group, t.name+".") {
				all = append(all, fmt.Sprintf("%s %s %s", group.Group, group.ProtocolType, group.State))
			}
		}
		t.show(what, all)
	}
	list("all groups")
	list("stable groups", "Stable")
	list("empty groups", "Empty")
	t.show("live", t.groupText(t.name+".live"))
	t.show("idle", t.groupText(t.name+".idle"))
	t.show("unknown", t.groupText(t.name+".unknown"))
}

// adminRegex consumes all topics whose name fits, also one that comes later.
func adminRegex(t *T) {
	producer := t.client(kgo.AllowAutoTopicCreation())
	t.produce(producer, &kgo.Record{Topic: t.name + ".a1", Value: []byte("a1")}, &kgo.Record{Topic: t.name + ".b1", Value: []byte("b1")})
	consumer := t.client(kgo.ConsumeRegex(), kgo.ConsumeTopics(`^admin-regex\.a.*$`), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(200*time.Millisecond), kgo.MetadataMaxAge(300*time.Millisecond))
	t.show("first", string(t.poll(consumer, 1)[0].Value))
	t.produce(producer, &kgo.Record{Topic: t.name + ".a2", Value: []byte("a2")})
	t.show("of a topic that came later", string(t.poll(consumer, 1)[0].Value))
}
