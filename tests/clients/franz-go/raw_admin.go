package main

import (
	"fmt"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func rawAdminScenarios() []scenario {
	return []scenario{
		{"raw-create-partitions", rawCreatePartitions},
		{"raw-delete-records", rawDeleteRecords},
		{"raw-delete-groups", rawDeleteGroups},
		{"raw-elections", rawElections},
		{"raw-log-dirs", rawLogDirs},
		{"raw-describe-partitions", rawDescribePartitions},
		{"raw-cluster-administration", rawClusterAdministration},
		{"raw-quotas", rawQuotas},
		{"raw-throttling", rawThrottling},
		{"admin-quotas", adminQuotas},
	}
}

func partitionsRequest(validateOnly bool, topics map[string]int32) *kmsg.CreatePartitionsRequest {
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.TimeoutMillis, request.ValidateOnly = 5000, validateOnly
	var names []string
	for name := range topics {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = name, topics[name]
		request.Topics = append(request.Topics, topic)
	}
	return request
}

func rawCreatePartitions(t *T) {
	topic, _ := t.rawTopic("topic", 1)
	other, _ := t.rawTopic("other", 2)
	r := t.raw()
	for version := int16(0); version <= 3; version++ {
		asked := map[string]int32{topic: int32(version) + 2, other: 1, t.name + ".absent": 3, "bad name": 3, "": 3}
		r.show("validated", version, partitionsRequest(true, asked))
		r.show("created", version, partitionsRequest(false, asked))
		r.show("again", version, partitionsRequest(false, asked))
		r.show("nothing", version, partitionsRequest(false, nil))
		twice := partitionsRequest(false, map[string]int32{topic: 9})
		twice.Topics = append(twice.Topics, twice.Topics[0])
		r.show("twice", version, twice)
		late := partitionsRequest(false, map[string]int32{topic: 9})
		late.TimeoutMillis = 0
		r.show("no time", version, late)
		assigned := partitionsRequest(false, map[string]int32{topic: 9})
		assignment := kmsg.NewCreatePartitionsRequestTopicAssignment()
		assignment.Replicas = []int32{77}
		assigned.Topics[0].Assignment = append(assigned.Topics[0].Assignment, assignment)
		r.show("too few assignments", version, assigned)
	}
	t.until("the partitions are there", func() bool {
		response := ask[*kmsg.MetadataResponse](r, 9, metadataRequest(topic))
		return len(response.Topics[0].Partitions) == 5
	})
}

func deleteRequest(topic string, offsets map[int32]int64) *kmsg.DeleteRecordsRequest {
	request := kmsg.NewPtrDeleteRecordsRequest()
	entry := kmsg.NewDeleteRecordsRequestTopic()
	entry.Topic = topic
	for index, offset := range offsets {
		partition := kmsg.NewDeleteRecordsRequestTopicPartition()
		partition.Partition, partition.Offset = index, offset
		entry.Partitions = append(entry.Partitions, partition)
	}
	request.Topics = append(request.Topics, entry)
	return request
}

func rawDeleteRecords(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	compacted, _ := t.rawTopic("compacted", 1, "cleanup.policy", "compact")
	t.fill(topic, 0, 10)
	r := t.raw()
	for version := int16(0); version <= 2; version++ {
		offset := int64(version)*3 + 1
		r.show("some", version, deleteRequest(topic, map[int32]int64{0: offset, 1: 0, 2: 0}))
		r.show("fewer", version, deleteRequest(topic, map[int32]int64{0: 0}))
		r.show("behind the end", version, deleteRequest(topic, map[int32]int64{0: 11, 1: 1}))
		r.show("negative", version, deleteRequest(topic, map[int32]int64{0: -2}))
		r.show("absent", version, deleteRequest(t.name+".absent", map[int32]int64{0: 0}))
		r.show("compacted", version, deleteRequest(compacted, map[int32]int64{0: 0}))
		r.show("nothing", version, kmsg.NewPtrDeleteRecordsRequest())
		r.show("first offset", 5, listRequest(topic, listPartition(0, -2)))
		fetch := fetchRequest(fetchTopic(topic, [16]byte{}, fetchPartition(0, offset-1)))
		r.show("in front of it", 12, fetch)
	}
	r.show("all", 2, deleteRequest(topic, map[int32]int64{0: -1, 1: -1}))
	r.show("first offset at the end", 5, listRequest(topic, listPartition(0, -2)))
}

func rawDeleteGroups(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	t.coordinator()
	admin := kadm.NewClient(t.client())
	commit := func(group string) {
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, 1, -1)
		offsets.AddOffset(topic, 1, 2, -1)
		t.ok("commit", admin.CommitAllOffsets(t.ctx, group, offsets))
	}
	r := t.raw()
	for version := int16(0); version <= 2; version++ {
		commit(t.name + "-a")
		request := kmsg.NewPtrDeleteGroupsRequest()
		request.Groups = []string{t.name + "-a", t.name + "-absent", ""}
		r.show("delete", version, request)
		r.show("delete again", version, request)
	}
	commit(t.name)
	request := kmsg.NewPtrOffsetDeleteRequest()
	request.Group = t.name
	entry := kmsg.NewOffsetDeleteRequestTopic()
	entry.Topic = topic
	for _, index := range []int32{0, 9} {
		partition := kmsg.NewOffsetDeleteRequestTopicPartition()
		partition.Partition = index
		entry.Partitions = append(entry.Partitions, partition)
	}
	request.Topics = append(request.Topics, entry)
	r.show("offsets", 0, request)
	r.show("left", 7, oldFetch(t.name))
	request.Group = t.name + "-absent"
	r.show("offsets of no group", 0, request)
	request.Group = ""
	r.show("offsets without a group", 0, request)
}

func rawElections(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	r := t.raw()
	for version := int16(0); version <= 2; version++ {
		for kind := int8(0); kind <= 2; kind++ {
			request := kmsg.NewPtrElectLeadersRequest()
			request.ElectionType = kind
			for _, name := range []string{topic, t.name + ".absent"} {
				entry := kmsg.NewElectLeadersRequestTopic()
				entry.Topic, entry.Partitions = name, []int32{0, 9}
				request.Topics = append(request.Topics, entry)
			}
			r.show(fmt.Sprintf("type %d", kind), version, request)
			request.TimeoutMillis = 0
			r.show(fmt.Sprintf("type %d, no time", kind), version, request)
		}
	}
	for version := int16(0); version <= 1; version++ {
		request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
		for _, name := range []string{topic, t.name + ".absent"} {
			entry := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			entry.Topic = name
			for index, replicas := range [][]int32{{1}, nil, {77}} {
				partition := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
				partition.Partition, partition.Replicas = int32(index), replicas
				entry.Partitions = append(entry.Partitions, partition)
			}
			request.Topics = append(request.Topics, entry)
		}
		r.show("reassign", version, request)
		request.TimeoutMillis = 0
		r.show("reassign, no time", version, request)
		r.show("reassign nothing", version, kmsg.NewPtrAlterPartitionAssignmentsRequest())
	}
	r.show("under way", 0, kmsg.NewPtrListPartitionReassignmentsRequest())
}

// A Kafka broker has its directory elsewhere and knows the size of its disk.
func (t *T) dumpLogDirs(what string, response *kmsg.DescribeLogDirsResponse) {
	for i := range response.Dirs {
		dir := &response.Dirs[i]
		dir.Dir, dir.TotalBytes, dir.UsableBytes = "some", 0, 0
	}
	t.dump(what, response)
}

func rawLogDirs(t *T) {
	topic, _ := t.rawTopic("topic", 2)
	t.fill(topic, 1, 3)
	r := t.raw()
	path := ""
	for version := int16(1); version <= 4; version++ {
		for _, partitions := range [][]int32{{0, 1, 9}, {1}, {}} {
			request := kmsg.NewPtrDescribeLogDirsRequest()
			for _, name := range []string{topic, t.name + ".absent"} {
				entry := kmsg.NewDescribeLogDirsRequestTopic()
				entry.Topic, entry.Partitions = name, partitions
				request.Topics = append(request.Topics, entry)
			}
			response := ask[*kmsg.DescribeLogDirsResponse](r, version, request)
			path = response.Dirs[0].Dir
			t.dumpLogDirs(fmt.Sprintf("v%d of %v", version, partitions), response)
		}
	}
	for version := int16(1); version <= 2; version++ {
		for _, where := range []string{path, path + "x"} {
			request := kmsg.NewPtrAlterReplicaLogDirsRequest()
			dir := kmsg.NewAlterReplicaLogDirsRequestDir()
			dir.Dir = where
			for _, name := range []string{topic, t.name + ".absent"} {
				entry := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
				entry.Topic, entry.Partitions = name, []int32{0, 9}
				dir.Topics = append(dir.Topics, entry)
			}
			request.Dirs = append(request.Dirs, dir)
			r.show(fmt.Sprintf("to where it is: %v", where == path), version, request)
		}
	}
}

func rawDescribePartitions(t *T) {
	first, _ := t.rawTopic("a", 3)
	second, _ := t.rawTopic("b", 2)
	r := t.raw()
	pages := func(what string, limit int32, names ...string) {
		request := kmsg.NewPtrDescribeTopicPartitionsRequest()
		request.ResponsePartitionLimit = limit
		for _, name := range names {
			entry := kmsg.NewDescribeTopicPartitionsRequestTopic()
			entry.Topic = name
			request.Topics = append(request.Topics, entry)
		}
		for page := 0; page == 0 || request.Cursor != nil; page++ {
			response := ask[*kmsg.DescribeTopicPartitionsResponse](r, 0, request)
			request.Cursor = nil
			if next := response.NextCursor; next != nil {
				request.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: next.Topic, Partition: next.Partition}
			}
			t.dump(fmt.Sprintf("%s, page %d", what, page), response)
		}
	}
	pages("whole", 2000, second, first)
	pages("by two", 2, second, first)
	pages("by three", 3, first, second, t.name+".absent", "bad name")
	pages("by none", 0, first)
	for _, cursor := range []kmsg.DescribeTopicPartitionsRequestCursor{{Topic: second, Partition: 0}, {Topic: first, Partition: 9}, {Topic: first, Partition: -1}, {Topic: first + "z", Partition: 0}} {
		request := kmsg.NewPtrDescribeTopicPartitionsRequest()
		request.Cursor = &cursor
		for _, name := range []string{first, second} {
			entry := kmsg.NewDescribeTopicPartitionsRequestTopic()
			entry.Topic = name
			request.Topics = append(request.Topics, entry)
		}
		r.show(fmt.Sprintf("from %s %d", cursor.Topic, cursor.Partition), 0, request)
	}
}

func rawClusterAdministration(t *T) {
	r := t.raw()
	for version := int16(0); version <= 2; version++ {
		for _, name := range []string{"__cluster_metadata", "another"} {
			request := kmsg.NewPtrDescribeQuorumRequest()
			topic := kmsg.NewDescribeQuorumRequestTopic()
			topic.Topic = name
			topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
			request.Topics = append(request.Topics, topic)
			response := ask[*kmsg.DescribeQuorumResponse](r, version, request)
			partition := response.Topics[0].Partitions[0]
			t.show(fmt.Sprintf("v%d quorum of %s", version, name), fmt.Sprintf("%s, leader %d, voters %d, observers %d, nodes %d",
				codeName(partition.ErrorCode), partition.LeaderID, len(partition.CurrentVoters), len(partition.Observers), len(response.Nodes)))
		}
		for level := int16(-1); level <= 3; level++ {
			request := kmsg.NewPtrUpdateFeaturesRequest()
			request.ValidateOnly = true
			update := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
			update.Feature, update.MaxVersionLevel = "transaction.version", level
			request.FeatureUpdates = append(request.FeatureUpdates, update)
			if version > 0 || level != 2 {
				r.show(fmt.Sprintf("feature to %d", level), version, request)
			}
		}
	}
	for version := int16(1); version <= 3; version++ {
		describe := kmsg.NewPtrDescribeACLsRequest()
		describe.ResourceType, describe.ResourcePatternType, describe.Operation, describe.PermissionType = 1, 3, 1, 1
		r.show("ACLs described", version, describe)
		create := kmsg.NewPtrCreateACLsRequest()
		rule := kmsg.NewCreateACLsRequestCreation()
		rule.ResourceType, rule.ResourceName, rule.Principal, rule.Host, rule.Operation, rule.PermissionType = 2, "t", "User:a", "*", 3, 3
		create.Creations = append(create.Creations, rule, rule)
		r.show("ACLs created", version, create)
		remove := kmsg.NewPtrDeleteACLsRequest()
		filter := kmsg.NewDeleteACLsRequestFilter()
		filter.ResourceType, filter.Operation, filter.PermissionType = 1, 1, 1
		remove.Filters = append(remove.Filters, filter)
		r.show("ACLs deleted", version, remove)
		describe.ResourceType = 0
		t.raw().showClosed(fmt.Sprintf("v%d ACLs of what kind", version), t.raw().frame(withVersion(version, describe)))
	}
}

func quotaEntry(key string, value float64, parts ...string) kmsg.AlterClientQuotasRequestEntry {
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	for i := 0; i < len(parts); i += 2 {
		part := kmsg.NewAlterClientQuotasRequestEntryEntity()
		part.Type = parts[i]
		if parts[i+1] != "" {
			part.Name = &parts[i+1]
		}
		entry.Entity = append(entry.Entity, part)
	}
	op := kmsg.NewAlterClientQuotasRequestEntryOp()
	op.Key, op.Value, op.Remove = key, value, value == 0
	entry.Ops = append(entry.Ops, op)
	return entry
}

func rawQuotas(t *T) {
	r := t.raw()
	for version := int16(0); version <= 1; version++ {
		alter := func(what string, entry kmsg.AlterClientQuotasRequestEntry) {
			request := kmsg.NewPtrAlterClientQuotasRequest()
			request.Entries = append(request.Entries, entry)
			r.show(what, version, request)
		}
		describe := func(what string, strict bool, components ...kmsg.DescribeClientQuotasRequestComponent) {
			request := kmsg.NewPtrDescribeClientQuotasRequest()
			request.Components, request.Strict = components, strict
			r.show(what, version, request)
		}
		component := func(kind string, how int8, name *string) kmsg.DescribeClientQuotasRequestComponent {
			return kmsg.DescribeClientQuotasRequestComponent{EntityType: kind, MatchType: kmsg.QuotasMatchType(how), Match: name}
		}
		user := pointer(t.name)
		alter("set", quotaEntry("producer_byte_rate", 1000000, "user", t.name))
		t.until("the quota is there", func() bool {
			request := kmsg.NewPtrDescribeClientQuotasRequest()
			request.Components = append(request.Components, component("user", 0, user))
			return len(ask[*kmsg.DescribeClientQuotasResponse](r, version, request).Entries) == 1
		})
		describe("by name", true, component("user", 0, user))
		describe("by no name", true, component("user", 0, nil))
		describe("as default", false, component("client-id", 1, nil))
		describe("as default with a name", true, component("user", 1, user))
		describe("of another kind", true, component("planet", 0, user))
		describe("by another match", true, component("user", 7, user))
		alter("remove", quotaEntry("producer_byte_rate", 0, "user", t.name))
		alter("nothing", quotaEntry("producer_byte_rate", 1))
		alter("another key", quotaEntry("smell", 1, "user", t.name))
	}
}

// rawThrottling uses up a quota and looks at the clock: the answer comes at once, the next one after the time that it tells.
func rawThrottling(t *T) {
	topic, id := t.rawTopic("topic", 1)
	r := t.raw()
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.Entries = append(request.Entries, quotaEntry("producer_byte_rate", 1000, "client-id", t.name))
	r.show("set", 1, request)
	t.until("the quota is there", func() bool {
		request := kmsg.NewPtrDescribeClientQuotasRequest()
		request.Components = append(request.Components, kmsg.DescribeClientQuotasRequestComponent{EntityType: "client-id", Match: &t.name})
		return len(ask[*kmsg.DescribeClientQuotasResponse](r, 1, request).Entries) == 1
	})
	slow := t.rawAs(t.name)
	batch := newBatch(string(make([]byte, 10500)))
	started := time.Now()
	response := ask[*kmsg.ProduceResponse](slow, 9, produceRequest(topic, id, 0, batchBytes(batch)))
	throttle := time.Duration(response.ThrottleMillis) * time.Millisecond
	t.show("throttled", throttle > 400*time.Millisecond && throttle < 1500*time.Millisecond)
	t.show("answered at once", time.Since(started) < throttle)
	t.show("the next error", codeName(ask[*kmsg.ListGroupsResponse](slow, 4, kmsg.NewPtrListGroupsRequest()).ErrorCode))
	t.show("the next answer waited", time.Since(started) > throttle-50*time.Millisecond)
	again := t.rawAs(t.name)
	started = time.Now()
	ask[*kmsg.ListGroupsResponse](again, 4, kmsg.NewPtrListGroupsRequest())
	t.show("another connection waits", time.Since(started) > 300*time.Millisecond)
	request.Entries[0].Ops[0].Remove = true
	r.show("removed", 1, request)
}

func adminQuotas(t *T) {
	admin := kadm.NewClient(t.client(kgo.ClientID("franz-quotas")))
	entity := kadm.ClientQuotaEntity{{Type: "client-id", Name: &t.name}}
	altered, err := admin.AlterClientQuotas(t.ctx, []kadm.AlterClientQuotaEntry{{Entity: entity, Ops: []kadm.AlterClientQuotaOp{{Key: "consumer_byte_rate", Value: 5000}}}})
	t.ok("alter", err)
	for _, entry := range altered {
		t.show("altered", fmt.Sprintf("%v %v", entry.Entity, entry.Err))
	}
	component := kadm.DescribeClientQuotaComponent{Type: "client-id", MatchName: &t.name, MatchType: kmsg.QuotasMatchTypeExact}
	t.until("the quota is there", func() bool {
		described, err := admin.DescribeClientQuotas(t.ctx, true, []kadm.DescribeClientQuotaComponent{component})
		return err == nil && len(described) == 1
	})
	described, err := admin.DescribeClientQuotas(t.ctx, true, []kadm.DescribeClientQuotaComponent{component})
	t.ok("describe", err)
	for _, quota := range described {
		t.show("described", fmt.Sprintf("%v %v", quota.Entity, quota.Values))
	}
	_, err = admin.AlterClientQuotas(t.ctx, []kadm.AlterClientQuotaEntry{{Entity: entity, Ops: []kadm.AlterClientQuotaOp{{Key: "consumer_byte_rate", Remove: true}}}})
	t.ok("remove", err)
}
