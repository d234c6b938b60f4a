package main

import (
	"context"
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The methods of the admin client that no scenario calls, with the reason.
var notCalled = map[string]string{
	"AlterShareGroupOffsets":    "share groups are not offered",
	"ApiVersions":               "the scenarios with single requests look at every version",
	"Close":                     "closes the client below, which the scenarios do themselves",
	"DeleteShareGroupOffsets":   "share groups are not offered",
	"DescribeConsumerGroups":    "of the protocols of groups there is the classic one",
	"DescribeShareGroupOffsets": "share groups are not offered",
	"DescribeShareGroups":       "share groups are not offered",
	"FindShareCoordinators":     "share groups are not offered",
	"OffetForLeaderEpoch":       "an older spelling of OffsetForLeaderEpoch",
}

func adminMethodScenarios() []scenario {
	return []scenario{
		{"kadm-topics", kadmTopics},
		{"kadm-partitions", kadmPartitions},
		{"kadm-topic-configs", kadmTopicConfigs},
		{"kadm-broker-configs", kadmBrokerConfigs},
		{"kadm-offsets", kadmOffsets},
		{"kadm-delete-records", kadmDeleteRecords},
		{"kadm-group-offsets", kadmGroupOffsets},
		{"kadm-groups", kadmGroups},
		{"kadm-cluster", kadmCluster},
		{"kadm-log-dirs", kadmLogDirs},
		{"kadm-transactions", kadmTransactions},
		{"kadm-acls", kadmACLs},
		{"kadm-quotas", kadmQuotas},
		{"kadm-scram", kadmSCRAM},
		{"kadm-tokens", kadmTokens},
		{"kadm-every-method", kadmEveryMethod},
	}
}

func (t *T) admin() *kadm.Client { return kadm.NewClient(t.client()) }

func kadmTopics(t *T) {
	admin := t.admin()
	one, two, absent := t.name+".one", t.name+".two", t.name+".absent"
	config := map[string]*string{"retention.ms": pointer("7200000")}
	validated, err := admin.ValidateCreateTopics(t.ctx, 1, 1, config, one, "bad name")
	t.results("validate", withoutConfigs(validated), err)
	created, err := admin.CreateTopics(t.ctx, 2, 1, config, one, two, "bad name")
	t.results("create", withoutConfigs(created), err)
	created, err = admin.CreateTopics(t.ctx, 1, 1, map[string]*string{"no.such.config": pointer("1")}, absent)
	t.results("create with a bad config", withoutConfigs(created), err)
	again, err := admin.CreateTopic(t.ctx, 1, 1, nil, one)
	t.check(again.Err != nil, "the topic was created twice")
	t.showError("create again", err)
	t.waitForTopic(admin, one)
	t.waitForTopic(admin, two)

	authorized := kadm.WithAuthorizedOps(t.ctx)
	details, err := admin.ListTopics(authorized, one, two, absent, "bad name")
	t.results("list", details, err)
	t.coordinator()
	// Which of the internal topics there are, and with how many partitions, is each broker's own affair.
	all, err := admin.ListTopicsWithInternal(t.ctx)
	t.ok("list all", err)
	t.show("known among all", all.Has(one) && all.Has(two) && !all.Has(absent))
	metadata, err := admin.Metadata(authorized, one, absent)
	metadata.Brokers = nil
	t.results("metadata", metadata, err)

	deleted, err := admin.DeleteTopics(t.ctx, one, absent, "bad name")
	t.results("delete", deleted, err)
	response, err := admin.DeleteTopic(t.ctx, two)
	t.results("delete one", response, err)
	_, err = admin.DeleteTopic(t.ctx, absent)
	t.showError("delete what is not there", err)
	t.until("they are gone", func() bool {
		left, err := admin.ListTopics(t.ctx)
		return err == nil && !left.Has(one) && !left.Has(two)
	})
}

// withoutConfigs leaves out the configs that an answer to a creation repeats: the scenarios with single requests show them.
func withoutConfigs(responses kadm.CreateTopicResponses) kadm.CreateTopicResponses {
	for name, response := range responses {
		response.Configs = nil
		responses[name] = response
	}
	return responses
}

func kadmPartitions(t *T) {
	admin := t.admin()
	topic, _ := t.rawTopic("topic", 1)
	absent := t.name + ".absent"
	ask := func(what string, call func(ctx context.Context, count int, topics ...string) (kadm.CreatePartitionsResponses, error), count int, topics ...string) {
		responses, err := call(t.ctx, count, topics...)
		t.results(what, responses, err)
	}
	ask("validate one more", admin.ValidateCreatePartitions, 1, topic, absent)
	ask("one more", admin.CreatePartitions, 1, topic, absent)
	t.until("there is one more", func() bool { return t.partitionCount(admin, topic) == 2 })
	ask("none more", admin.CreatePartitions, 0, topic)
	ask("fewer", admin.CreatePartitions, -1, topic)
	ask("validate three", admin.ValidateUpdatePartitions, 3, topic, absent)
	ask("three", admin.UpdatePartitions, 3, topic, absent)
	t.until("there are three", func() bool { return t.partitionCount(admin, topic) == 3 })
	ask("three again", admin.UpdatePartitions, 3, topic)
	ask("two", admin.UpdatePartitions, 2, topic)
	ask("none", admin.UpdatePartitions, 0, topic)

	elected, err := admin.ElectLeaders(t.ctx, kadm.ElectPreferredReplica, kadm.TopicsSet{topic: {0: {}, 9: {}}, absent: {0: {}}})
	t.results("elect", elected, err)
	elected, err = admin.ElectLeaders(t.ctx, kadm.ElectLiveReplica, kadm.TopicsSet{topic: {1: {}}})
	t.results("elect unclean", elected, err)
	_, err = admin.ElectLeaders(t.ctx, kadm.ElectPreferredReplica, nil)
	t.showAnyError("elect everywhere", err)
	assign := func(what string, name string, partition int32, brokers []int32) {
		responses, err := admin.AlterPartitionAssignments(t.ctx, kadm.AlterPartitionAssignmentsReq{name: {partition: brokers}})
		t.results("assign "+what, responses, err)
	}
	assign("to the broker", topic, 0, []int32{1})
	assign("to another", topic, 0, []int32{5})
	assign("to two", topic, 0, []int32{1, 5})
	assign("to none", topic, 0, []int32{})
	assign("cancel", topic, 0, nil)
	assign("of an unknown partition", topic, 9, []int32{1})
	assign("of an unknown topic", absent, 0, []int32{1})
	moving, err := admin.ListPartitionReassignments(t.ctx, kadm.TopicsSet{topic: {0: {}, 1: {}}})
	t.results("reassignments", moving, err)
	moving, err = admin.ListPartitionReassignments(t.ctx, nil)
	t.results("all reassignments", moving, err)
}

func (t *T) partitionCount(admin *kadm.Client, topic string) int {
	details, err := admin.ListTopics(t.ctx, topic)
	t.ok("list the topic", err)
	return len(details[topic].Partitions)
}

// alterations are the changes that the scenarios of configs try, from nothing to what is refused.
var alterations = []struct {
	what    string
	configs []kadm.AlterConfig
}{
	{"set", []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: pointer("3600000")}}},
	{"append", []kadm.AlterConfig{{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: pointer("compact")}}},
	{"subtract", []kadm.AlterConfig{{Op: kadm.SubtractConfig, Name: "cleanup.policy", Value: pointer("delete")}}},
	{"delete", []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: "retention.ms"}}},
	{"set a bad value", []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: pointer("soon")}}},
	{"set to nothing", []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms"}}},
	{"set what is unknown", []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "no.such.config", Value: pointer("1")}}},
	{"append to a number", []kadm.AlterConfig{{Op: kadm.AppendConfig, Name: "retention.ms", Value: pointer("1")}}},
	{"nothing", nil},
}

func kadmTopicConfigs(t *T) {
	admin := t.admin()
	topic, _ := t.rawTopic("topic", 1, "segment.bytes", "2000000")
	absent := t.name + ".absent"
	// Kafka's broker learns of an alteration after it was answered.
	describe := func(what, policy, retention string) {
		byKey := map[string]kadm.Config{}
		t.until(what, func() bool {
			configs, err := admin.DescribeTopicConfigs(t.ctx, topic)
			t.ok("describe", err)
			values := map[string]string{}
			for _, config := range configs[0].Configs {
				if comparedConfig(config.Key) {
					byKey[config.Key] = config
					values[config.Key] = config.MaybeValue()
				}
			}
			return values["cleanup.policy"] == policy && values["retention.ms"] == retention
		})
		t.results(what, byKey, nil)
	}
	for _, alteration := range alterations {
		responses, err := admin.ValidateAlterTopicConfigs(t.ctx, alteration.configs, topic)
		t.results("validate: "+alteration.what, responses, err)
		responses, err = admin.AlterTopicConfigs(t.ctx, alteration.configs, topic, absent)
		t.results(alteration.what, responses, err)
	}
	describe("altered", "compact", "604800000")
	// The older way, by which everything that is not named goes back to its default.
	for _, alteration := range alterations {
		responses, err := admin.ValidateAlterTopicConfigsState(t.ctx, alteration.configs, topic)
		t.results("validate the state: "+alteration.what, responses, err)
	}
	responses, err := admin.AlterTopicConfigsState(t.ctx, alterations[0].configs, topic, absent)
	t.results("the state", responses, err)
	describe("the state", "delete", "3600000")
	responses, err = admin.AlterTopicConfigsState(t.ctx, nil, topic)
	t.results("no state", responses, err)
	describe("no state", "delete", "604800000")
}

func kadmBrokerConfigs(t *T) {
	admin := t.admin()
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.max.bytes", Value: pointer("2000000")}}
	unset := []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: "message.max.bytes"}}
	bad := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "node.id", Value: pointer("7")}}
	// For all brokers this one is set from the start and has to stay.
	kept := []kadm.AlterConfig{{Name: "min.insync.replicas", Value: pointer("1")}}
	show := func(what string, value *string, brokers ...int32) {
		t.until(what, func() bool {
			configs, err := admin.DescribeBrokerConfigs(t.ctx, brokers...)
			t.ok("describe", err)
			found := ""
			for _, config := range configs[0].Configs {
				if config.Key == "message.max.bytes" {
					found = config.MaybeValue()
				}
			}
			if value == nil && found != "" || value != nil && found != *value {
				return false
			}
			t.show(what, found)
			return true
		})
	}
	for _, brokers := range [][]int32{nil, {1}} {
		who := fmt.Sprint(brokers)
		responses, err := admin.ValidateAlterBrokerConfigs(t.ctx, set, brokers...)
		t.results(who+" validate", responses, err)
		responses, err = admin.ValidateAlterBrokerConfigs(t.ctx, bad, brokers...)
		t.results(who+" validate what is read-only", responses, err)
		responses, err = admin.AlterBrokerConfigs(t.ctx, set, brokers...)
		t.results(who+" alter", responses, err)
		show(who+" altered", pointer("2000000"), brokers...)
		responses, err = admin.AlterBrokerConfigs(t.ctx, bad, brokers...)
		t.results(who+" alter what is read-only", responses, err)
		responses, err = admin.AlterBrokerConfigs(t.ctx, unset, brokers...)
		t.results(who+" reset", responses, err)
		show(who+" reset, the broker", pointer("1048588"), 1)
		responses, err = admin.ValidateAlterBrokerConfigsState(t.ctx, set, brokers...)
		t.results(who+" validate the state", responses, err)
		if brokers != nil {
			kept = nil
		}
		responses, err = admin.AlterBrokerConfigsState(t.ctx, append(set, kept...), brokers...)
		t.results(who+" the state", responses, err)
		show(who+" the state", pointer("2000000"), brokers...)
		responses, err = admin.AlterBrokerConfigsState(t.ctx, kept, brokers...)
		t.results(who+" no state", responses, err)
		show(who+" no state, the broker", pointer("1048588"), 1)
	}
	topic, _ := t.rawTopic("topic", 1)
	listed, err := admin.ListConfigResources(t.ctx, kadm.ConfigResourceTopic)
	t.ok("list topics", err)
	for _, resource := range listed.Resources {
		if resource.Name == topic {
			t.results("listed", resource, listed.Err)
		}
	}
	for _, kind := range []kadm.ConfigResourceType{kadm.ConfigResourceBroker, kadm.ConfigResourceClientMetrics, kadm.ConfigResourceUnknown, 77} {
		listed, err := admin.ListConfigResources(t.ctx, kind)
		t.results(fmt.Sprintf("resources of type %d", kind), listed, err)
	}
}

func kadmOffsets(t *T) {
	admin := t.admin()
	topic, _ := t.rawTopic("topic", 2)
	absent := t.name + ".absent"
	producer := t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for _, second := range []int{5, 1, 3} {
		when := at(firstTimestamp).Add(time.Duration(second) * time.Second)
		t.produce(producer, &kgo.Record{Topic: topic, Value: []byte("v"), Timestamp: when})
	}
	open := t.transactional("id")
	t.ok("begin", open.BeginTransaction())
	t.write(open, topic, 0, "open")
	for _, list := range []struct {
		what string
		call func(context.Context, ...string) (kadm.ListedOffsets, error)
	}{
		{"start", admin.ListStartOffsets},
		{"end", admin.ListEndOffsets},
		{"committed", admin.ListCommittedOffsets},
		{"max timestamp", admin.ListMaxTimestampOffsets},
		{"local start", admin.ListLocalLogStartOffsets},
		{"latest remote", admin.ListLatestRemoteOffsets},
	} {
		listed, err := list.call(t.ctx, topic, absent)
		t.results(list.what, listed, err)
	}
	for _, second := range []int{0, 2, 4, 6} {
		listed, err := admin.ListOffsetsAfterMilli(t.ctx, at(firstTimestamp).Add(time.Duration(second)*time.Second).UnixMilli(), topic)
		t.results(fmt.Sprintf("after %d s", second), listed, err)
	}
	t.ok("abort", open.EndTransaction(t.ctx, kgo.TryAbort))
	t.awaitMarkers(topic, 0, 5)
	for _, epoch := range []int32{-1, 0, 1, 100} {
		request := kadm.OffsetForLeaderEpochRequest{}
		request.Add(topic, 0, epoch)
		request.Add(topic, 1, epoch)
		request.Add(topic, 9, epoch)
		request.Add(absent, 0, epoch)
		ends, err := admin.OffsetForLeaderEpoch(t.ctx, request)
		t.results(fmt.Sprintf("end of epoch %d", epoch), ends, err)
	}
}

func kadmDeleteRecords(t *T) {
	admin := t.admin()
	topic, _ := t.rawTopic("topic", 2)
	t.fill(topic, 0, 10)
	t.fill(topic, 1, 5)
	remove := func(what, topic string, partition int32, offset int64) {
		var offsets kadm.Offsets
		offsets.AddOffset(topic, partition, offset, -1)
		responses, err := admin.DeleteRecords(t.ctx, offsets)
		t.results(what, responses, err)
	}
	ends, err := admin.ListEndOffsets(t.ctx, topic)
	t.results("ends", ends, err)
	remove("up to 2", topic, 0, 2)
	remove("up to 1, which is gone", topic, 0, 1)
	remove("up to 100", topic, 0, 100)
	remove("all", topic, 1, -1)
	remove("below", topic, 0, -2)
	remove("in an unknown partition", topic, 9, 0)
	remove("in an unknown topic", t.name+".absent", 0, 0)
	starts, err := admin.ListStartOffsets(t.ctx, topic)
	t.results("starts", starts, err)
}

func kadmGroupOffsets(t *T) {
	admin := t.admin()
	topic, id := t.rawTopic("topic", 2)
	t.fill(topic, 0, 10)
	t.fill(topic, 1, 5)
	t.coordinator()
	group, absent := t.name+".group", t.name+".absent"
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 2, LeaderEpoch: 0, Metadata: "two"})
	offsets.Add(kadm.Offset{Topic: topic, Partition: 9, At: 2, LeaderEpoch: -1})
	offsets.Add(kadm.Offset{Topic: absent, Partition: 0, At: 2, LeaderEpoch: -1})
	committed, err := admin.CommitOffsets(t.ctx, group, offsets)
	t.results("commit", committed, err)
	t.showAnyError("commit all", admin.CommitAllOffsets(t.ctx, group, offsets))
	long := kadm.Offsets{topic: {1: {Topic: topic, Partition: 1, At: 3, LeaderEpoch: -1, Metadata: strings.Repeat("m", 5000)}}}
	committed, err = admin.CommitOffsets(t.ctx, group, long)
	committed.Each(func(response kadm.OffsetResponse) { t.show("commit with long metadata", response.Err) })
	t.ok("commit with long metadata", err)

	known := kadm.TopicID(id)
	byID := kadm.OffsetsByID{known: {1: {TopicID: known, Partition: 1, At: 4, LeaderEpoch: -1}, 9: {TopicID: known, Partition: 9, At: 4, LeaderEpoch: -1}}}
	showByID := func(what string, responses kadm.OffsetResponsesByID, err error) {
		t.ok(what, err)
		for _, partition := range []int32{0, 1, 9} {
			if response, there := responses[known][partition]; there {
				t.show(fmt.Sprintf("%s %d", what, partition), t.resultText("", reflect.ValueOf(response)))
			}
		}
	}
	responses, err := admin.CommitOffsetsByID(t.ctx, group, byID)
	showByID("commit by id", responses, err)
	t.showAnyError("commit all by id", admin.CommitAllOffsetsByID(t.ctx, group, byID))
	unknown := kadm.TopicID{1, 2, 3}
	t.showAnyError("commit by an unknown id", admin.CommitAllOffsetsByID(t.ctx, group, kadm.OffsetsByID{unknown: {0: {TopicID: unknown, At: 4, LeaderEpoch: -1}}}))
	responses, err = admin.FetchOffsetsByID(t.ctx, group)
	showByID("fetch by id", responses, err)

	fetched, err := admin.FetchOffsets(t.ctx, group)
	t.results("fetch", fetched, err)
	fetched, err = admin.FetchOffsetsForTopics(t.ctx, group, topic, absent)
	t.results("fetch for topics", fetched, err)
	t.results("fetch of many", admin.FetchManyOffsets(t.ctx, group, absent), nil)
	lags, err := admin.Lag(t.ctx, group, absent)
	t.results("lag", lags, err)

	deleted, err := admin.DeleteOffsets(t.ctx, group, kadm.TopicsSet{topic: {0: {}, 7: {}}, absent: {0: {}}})
	t.results("delete offsets", deleted, err)
	deleted, err = admin.DeleteOffsets(t.ctx, absent, kadm.TopicsSet{topic: {0: {}}})
	t.results("delete offsets of an unknown group", deleted, err)
	fetched, err = admin.FetchOffsets(t.ctx, group)
	t.results("fetch again", fetched, err)
}

// showAnyError shows whether a call failed, which is its only answer.
func (t *T) showAnyError(what string, err error) { t.show(what, text(err)) }

func kadmGroups(t *T) {
	admin := t.admin()
	topic, _ := t.rawTopic("topic", 2)
	live, idle, absent := t.name+".live", t.name+".idle", t.name+".absent"
	member := t.member(live, kgo.RangeBalancer(), []string{topic}, kgo.InstanceID("the-instance"))
	t.stable("live", live, 2, member)
	t.ok("commit", admin.CommitAllOffsets(t.ctx, idle, kadm.Offsets{topic: {0: {Topic: topic, At: 0, LeaderEpoch: -1}}}))
	list := func(what string, groups kadm.ListedGroups, err error) {
		t.ok(what, err)
		for _, group := range groups.Sorted() {
			if strings.HasPrefix(group.Group, t.name) {
				t.show(what, t.resultText("", reflect.ValueOf(group)))
			}
		}
		t.show(what, "no more")
	}
	groups, err := admin.ListGroups(t.ctx)
	list("all", groups, err)
	for _, types := range [][]string{{"classic"}, {"consumer"}, {"Classic", "share"}, {"nonsense"}} {
		groups, err := admin.ListGroupsByType(t.ctx, types)
		list(fmt.Sprintf("of types %v", types), groups, err)
	}
	groups, err = admin.ListGroupsByType(t.ctx, []string{"classic"}, "Empty", "Nonsense")
	list("classic and empty", groups, err)
	described, err := admin.DescribeGroups(kadm.WithAuthorizedOps(t.ctx), live, idle, absent)
	t.results("describe", described, err)
	coordinators := admin.FindGroupCoordinators(t.ctx, live, absent, "")
	t.results("coordinators", coordinators, nil)

	deleted, err := admin.DeleteGroups(t.ctx, live, idle, absent)
	t.results("delete", deleted, err)
	_, err = admin.DeleteGroup(t.ctx, absent)
	t.showError("delete what is not there", err)
	left, err := admin.LeaveGroup(t.ctx, kadm.LeaveGroup(live).InstanceIDs("the-instance", "another").Reason("to see"))
	t.results("leave", left, err)
	left, err = admin.LeaveGroup(t.ctx, kadm.LeaveGroup(absent).InstanceIDs("the-instance"))
	t.results("leave an unknown group", left, err)
}

func kadmCluster(t *T) {
	admin := t.admin()
	metadata, err := admin.BrokerMetadata(kadm.WithAuthorizedOps(t.ctx))
	t.results("metadata", metadata, err)
	brokers, err := admin.ListBrokers(t.ctx)
	t.results("brokers", brokers, err)
	admin.SetTimeoutMillis(3000)
	update := func(what string, validate bool, updates ...kadm.FeatureUpdate) {
		updated, err := admin.UpdateFeatures(t.ctx, validate, updates...)
		t.results(what, updated, err)
	}
	update("update an unknown feature", false, kadm.FeatureUpdate{Feature: "no.such.feature", MaxVersionLevel: 1, UpgradeType: 1})
	update("validate an unknown feature", true, kadm.FeatureUpdate{Feature: "no.such.feature", MaxVersionLevel: 1, UpgradeType: 1})
	update("update too far", false, kadm.FeatureUpdate{Feature: "metadata.version", MaxVersionLevel: 999, UpgradeType: 1})
	update("delete a feature that is none", false, kadm.FeatureUpdate{Feature: "no.such.feature", UpgradeType: 3})
}

func kadmLogDirs(t *T) {
	admin := t.admin()
	topic, _ := t.rawTopic("topic", 2)
	t.fill(topic, 0, 4)
	asked := kadm.TopicsSet{topic: {0: {}, 1: {}, 9: {}}, t.name + ".absent": {0: {}}}
	show := func(what string, dirs kadm.DescribedLogDirs) {
		t.show(what+": directories", len(dirs))
		for _, dir := range dirs {
			t.results(what, dir, nil)
		}
	}
	dirs, err := admin.DescribeBrokerLogDirs(t.ctx, 1, asked)
	t.ok("describe", err)
	show("one broker", dirs)
	_, err = admin.DescribeAllLogDirs(t.ctx, asked)
	t.showError("all brokers, what is not there too", err)
	all, err := admin.DescribeAllLogDirs(t.ctx, kadm.TopicsSet{topic: {0: {}}})
	t.ok("describe all", err)
	show("all brokers", all[1])
	var here string
	for dir := range dirs {
		here = dir
	}
	for _, dir := range []string{here, "/no/such/place"} {
		what := map[bool]string{true: "where they are", false: "where nothing is"}[dir == here]
		moved, err := admin.AlterBrokerReplicaLogDirs(t.ctx, 1, kadm.AlterReplicaLogDirsReq{dir: asked})
		t.results("move to "+what, moved[dir], err)
		everywhere, err := admin.AlterAllReplicaLogDirs(t.ctx, kadm.AlterReplicaLogDirsReq{dir: {topic: {0: {}}}})
		t.results("move everywhere to "+what, everywhere[1][dir], err)
	}
}

func kadmTransactions(t *T) {
	admin := t.admin()
	topic, _ := t.rawTopic("topic", 1)
	absent := t.name + ".absent"
	client := t.transactional("id")
	t.ok("begin", client.BeginTransaction())
	t.write(client, topic, 0, "open")
	coordinators := admin.FindTxnCoordinators(t.ctx, t.name+".id", absent)
	t.results("coordinators", coordinators, nil)
	described, err := admin.DescribeTransactions(t.ctx, t.name+".id", absent, "")
	t.results("describe", described, err)
	id := described[t.name+".id"].ProducerID
	list := func(what string, listed kadm.ListedTransactions, err error) {
		t.ok(what, err)
		transaction, there := listed[t.name+".id"]
		t.show(what, fmt.Sprintf("%v %s", there, transaction.State))
	}
	for _, states := range [][]string{nil, {"Ongoing"}, {"Empty", "CompleteAbort"}, {"Nonsense"}} {
		for _, ids := range [][]int64{nil, {id}, {id + 1000}} {
			what := "of any producer"
			if ids != nil {
				what = fmt.Sprintf("of this producer %v", ids[0] == id)
			}
			listed, err := admin.ListTransactions(t.ctx, ids, states)
			list(fmt.Sprintf("list %s in %v", what, states), listed, err)
		}
	}
	listed, err := admin.ListTransactionsByTxPattern(t.ctx, nil, nil, t.name+"[.].*")
	list("list by pattern", listed, err)
	_, err = admin.ListTransactionsByTxPattern(t.ctx, nil, nil, "(")
	t.showAnyError("list by a pattern that is none", err)
	_, err = admin.DescribeProducers(t.ctx, kadm.TopicsSet{topic: {0: {}, 9: {}}, absent: {0: {}}})
	t.showError("producers where no topic is too", err)
	producers, err := admin.DescribeProducers(t.ctx, kadm.TopicsSet{topic: {0: {}}})
	t.results("producers", byPlace(producers), err)

	mark := func(what string, marker kadm.TxnMarkers) {
		responses, err := admin.WriteTxnMarkers(t.ctx, marker)
		t.results(what, responses[marker.ProducerID].Topics, err)
	}
	places := kadm.TopicsSet{topic: {0: {}}}
	epoch := described[t.name+".id"].ProducerEpoch
	mark("mark for another producer", kadm.TxnMarkers{ProducerID: id + 1000, ProducerEpoch: 0, Topics: places})
	mark("mark in an unknown topic", kadm.TxnMarkers{ProducerID: id, ProducerEpoch: epoch, Topics: kadm.TopicsSet{absent: {0: {}}}})
	mark("abort by hand", kadm.TxnMarkers{ProducerID: id, ProducerEpoch: epoch, Topics: places})
	t.showVisible("aborted", topic, 0, 2)
	producers, err = admin.DescribeProducers(t.ctx, places)
	t.results("producers afterwards", byPlace(producers), err)
	t.ok("end", client.EndTransaction(t.ctx, kgo.TryAbort))
}

// byPlace gives the producers of each partition without their ids, which are keys in what the client gives.
func byPlace(topics kadm.DescribedProducersTopics) map[string][]kadm.DescribedProducer {
	places := map[string][]kadm.DescribedProducer{}
	for _, topic := range topics {
		for _, partition := range topic.Partitions {
			place := fmt.Sprintf("%s %d, error %s", topic.Topic, partition.Partition, text(partition.Err))
			places[place] = append(places[place], partition.ActiveProducers.Sorted()...)
		}
	}
	return places
}

func kadmACLs(t *T) {
	admin := t.admin()
	acls := kadm.NewACLs().Topics(t.name).Allow("User:ann").AllowHosts("*").Operations(kadm.OpRead)
	created, err := admin.CreateACLs(t.ctx, acls)
	t.results("create", created, err)
	described, err := admin.DescribeACLs(t.ctx, acls)
	t.results("describe", described, err)
	deleted, err := admin.DeleteACLs(t.ctx, acls)
	t.results("delete", deleted, err)
	all := kadm.NewACLs().AnyResource().Allow().AllowHosts().Deny().DenyHosts().Operations().ResourcePatternType(kadm.ACLPatternAny)
	described, err = admin.DescribeACLs(t.ctx, all)
	t.results("describe all", described, err)
	deleted, err = admin.DeleteACLs(t.ctx, all)
	t.results("delete all", deleted, err)
}

func kadmQuotas(t *T) {
	admin := t.admin()
	entity := kadm.ClientQuotaEntity{{Type: "user", Name: &t.name}}
	try := func(what string, entity kadm.ClientQuotaEntity, op kadm.AlterClientQuotaOp) {
		entries := []kadm.AlterClientQuotaEntry{{Entity: entity, Ops: []kadm.AlterClientQuotaOp{op}}}
		altered, err := admin.ValidateAlterClientQuotas(t.ctx, entries)
		t.results("validate "+what, altered, err)
		altered, err = admin.AlterClientQuotas(t.ctx, entries)
		t.results(what, altered, err)
	}
	try("a quota", entity, kadm.AlterClientQuotaOp{Key: "request_percentage", Value: 200})
	try("an unknown quota", entity, kadm.AlterClientQuotaOp{Key: "smell", Value: 1})
	try("a quota below 0", entity, kadm.AlterClientQuotaOp{Key: "producer_byte_rate", Value: -1})
	try("of what is unknown", kadm.ClientQuotaEntity{{Type: "planet", Name: &t.name}}, kadm.AlterClientQuotaOp{Key: "producer_byte_rate", Value: 1})
	try("of an address", kadm.ClientQuotaEntity{{Type: "ip", Name: pointer("127.9.9.9")}}, kadm.AlterClientQuotaOp{Key: "connection_creation_rate", Value: 100})
	component := kadm.DescribeClientQuotaComponent{Type: "user", MatchName: &t.name, MatchType: kmsg.QuotasMatchTypeExact}
	t.until("the quota is there", func() bool {
		described, err := admin.DescribeClientQuotas(t.ctx, true, []kadm.DescribeClientQuotaComponent{component})
		return err == nil && len(described) == 1
	})
	described, err := admin.DescribeClientQuotas(t.ctx, true, []kadm.DescribeClientQuotaComponent{component})
	t.results("described", described, err)
	described, err = admin.DescribeClientQuotas(t.ctx, false, []kadm.DescribeClientQuotaComponent{{Type: "planet", MatchType: kmsg.QuotasMatchTypeAny}})
	t.results("described of what is unknown", described, err)
	try("remove it", entity, kadm.AlterClientQuotaOp{Key: "request_percentage", Remove: true})
	try("remove of an address", kadm.ClientQuotaEntity{{Type: "ip", Name: pointer("127.9.9.9")}}, kadm.AlterClientQuotaOp{Key: "connection_creation_rate", Remove: true})
}

func kadmSCRAM(t *T) {
	admin := t.admin()
	ann, bob := t.name+"-ann", t.name+"-bob"
	alter := func(what string, remove []kadm.DeleteSCRAM, upsert ...kadm.UpsertSCRAM) {
		altered, err := admin.AlterUserSCRAMs(t.ctx, remove, upsert)
		t.results(what, altered, err)
	}
	settled := func(user string, count int) {
		t.until(fmt.Sprintf("%s has %d", user, count), func() bool {
			described, err := admin.DescribeUserSCRAMs(t.ctx, user)
			return err == nil && len(described[user].CredInfos) == count
		})
	}
	alter("add", nil, kadm.UpsertSCRAM{User: ann, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret"},
		kadm.UpsertSCRAM{User: bob, Mechanism: kadm.ScramSha512, Iterations: 8192, Salt: []byte("salt"), SaltedPassword: []byte("salted")})
	settled(ann, 1)
	settled(bob, 1)
	described, err := admin.DescribeUserSCRAMs(t.ctx, ann, bob, t.name+"-absent", "")
	t.results("describe", described, err)
	everyone, err := admin.DescribeUserSCRAMs(t.ctx)
	t.ok("describe all", err)
	t.show("described among all", everyone[ann].User == ann && everyone[bob].User == bob)
	alter("too few iterations", nil, kadm.UpsertSCRAM{User: ann, Mechanism: kadm.ScramSha256, Iterations: 4095, Password: "secret"})
	alter("too many iterations", nil, kadm.UpsertSCRAM{User: ann, Mechanism: kadm.ScramSha256, Iterations: 16385, Password: "secret"})
	alter("no mechanism", nil, kadm.UpsertSCRAM{User: ann, Iterations: 4096, Salt: []byte("salt"), SaltedPassword: []byte("salted")})
	alter("another mechanism", nil, kadm.UpsertSCRAM{User: ann, Mechanism: 9, Iterations: 4096, Salt: []byte("salt"), SaltedPassword: []byte("salted")})
	alter("no user", nil, kadm.UpsertSCRAM{Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret"})
	alter("delete what is not there", []kadm.DeleteSCRAM{{User: ann, Mechanism: kadm.ScramSha512}})
	alter("delete and add the same", []kadm.DeleteSCRAM{{User: ann, Mechanism: kadm.ScramSha256}},
		kadm.UpsertSCRAM{User: ann, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret"})
	alter("delete", []kadm.DeleteSCRAM{{User: ann, Mechanism: kadm.ScramSha256}, {User: bob, Mechanism: kadm.ScramSha512}})
	settled(ann, 0)
	settled(bob, 0)
}

// kadmTokens asks for what a listener without authentication cannot give.
func kadmTokens(t *T) {
	admin := t.admin()
	created, err := admin.CreateDelegationToken(t.ctx, kadm.CreateDelegationToken{MaxLifetime: time.Hour})
	t.results("create", created, err)
	created, err = admin.CreateDelegationToken(t.ctx, kadm.CreateDelegationToken{Owner: &kadm.Principal{Name: "ann"}, Renewers: []kadm.Principal{{Name: "bob"}}})
	t.results("create for another", created, err)
	renewed, err := admin.RenewDelegationToken(t.ctx, []byte("hmac"), time.Hour)
	t.results("renew", renewed, err)
	expired, err := admin.ExpireDelegationToken(t.ctx, []byte("hmac"), time.Hour)
	t.results("expire", expired, err)
	tokens, err := admin.DescribeDelegationTokens(t.ctx)
	t.results("describe", tokens, err)
	tokens, err = admin.DescribeDelegationTokens(t.ctx, kadm.Principal{Name: "ann"})
	t.results("describe ann's", tokens, err)
}

//go:embed *.go
var sources embed.FS

// kadmEveryMethod looks through this program for the methods of the admin client: each is called somewhere, or there is a reason.
func kadmEveryMethod(t *T) {
	used := map[string]bool{}
	files, err := sources.ReadDir(".")
	t.ok("list the sources", err)
	for _, file := range files {
		text, err := sources.ReadFile(file.Name())
		t.ok("read "+file.Name(), err)
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), text, 0)
		t.ok("parse "+file.Name(), err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if selected, ok := node.(*ast.SelectorExpr); ok {
				if of, ok := selected.X.(*ast.Ident); ok && of.Name == "admin" {
					used[selected.Sel.Name] = true
				}
			}
			return true
		})
	}
	client := reflect.TypeFor[*kadm.Client]()
	for i := range client.NumMethod() {
		name := client.Method(i).Name
		reason, excused := notCalled[name]
		t.check(used[name] != excused, "%s: called %v, and the reason why it is not: %q", name, used[name], reason)
		t.show(name, map[bool]string{true: "called", false: "not called, because " + reason}[used[name]])
	}
}
