package main

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func rawOffsetScenarios() []scenario {
	return []scenario{
		{"raw-find-coordinator", rawFindCoordinator},
		{"raw-offset-commit", rawOffsetCommit},
		{"raw-offset-fetch", rawOffsetFetch},
		{"raw-offsets-deleted-topic", rawOffsetsDeletedTopic},
	}
}

func rawFindCoordinator(t *T) {
	t.coordinator()
	r := t.raw()
	for version := int16(0); version <= 6; version++ {
		for _, group := range []string{"group", "", "größe", strings.Repeat("g", 300)} {
			request := kmsg.NewPtrFindCoordinatorRequest()
			request.CoordinatorKey, request.CoordinatorKeys = group, []string{group}
			r.show("group "+bytesText([]byte(group)), version, request)
		}
		if version >= 1 {
			unknown := kmsg.NewPtrFindCoordinatorRequest()
			unknown.CoordinatorKey, unknown.CoordinatorKeys, unknown.CoordinatorType = "key", []string{"key"}, 9
			r.show("unknown type of key", version, unknown)
		}
		if version >= 4 {
			several := kmsg.NewPtrFindCoordinatorRequest()
			several.CoordinatorKeys = []string{"a", "b", "", "a"}
			r.show("several", version, several)
			none := kmsg.NewPtrFindCoordinatorRequest()
			none.CoordinatorKeys = []string{}
			r.show("none", version, none)
		}
	}
}

type committed struct {
	topic     string
	id        [16]byte
	partition int32
	offset    int64
	epoch     int32
	metadata  *string
}

// commitRequest is that of a client which is no member, as a consumer with assigned partitions or a tool sends it.
func commitRequest(group string, offsets ...committed) *kmsg.OffsetCommitRequest {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation, request.RetentionTimeMillis = group, -1, -1
	for _, offset := range offsets {
		if last := len(request.Topics) - 1; last < 0 || request.Topics[last].Topic != offset.topic {
			topic := kmsg.NewOffsetCommitRequestTopic()
			topic.Topic, topic.TopicID = offset.topic, offset.id
			request.Topics = append(request.Topics, topic)
		}
		topic := &request.Topics[len(request.Topics)-1]
		partition := kmsg.NewOffsetCommitRequestTopicPartition()
		partition.Partition, partition.Offset, partition.LeaderEpoch, partition.Metadata = offset.partition, offset.offset, offset.epoch, offset.metadata
		topic.Partitions = append(topic.Partitions, partition)
	}
	return request
}

func rawOffsetCommit(t *T) {
	t.coordinator()
	topic, id := t.rawTopic("topic", 3)
	r := t.raw()
	for version := int16(2); version <= 10; version++ {
		group := fmt.Sprintf("%s.v%d", t.name, version)
		r.show("three partitions", version, commitRequest(group,
			committed{topic, id, 0, 5, 0, pointer("some metadata")},
			committed{topic, id, 1, 6, -1, nil},
			committed{topic, id, 2, 7, 3, pointer("")}))
		t.showCommitted(r, "after that", group)
		r.show("back and forth", version, commitRequest(group, committed{topic, id, 0, 2, 0, nil}, committed{topic, id, 0, 3, 0, pointer("twice")}))
		r.show("unknown topic and partition", version, commitRequest(group,
			committed{t.name + ".unknown", [16]byte{4}, 0, 1, -1, nil},
			committed{topic, id, 9, 1, -1, nil},
			committed{topic, id, -1, 1, -1, nil},
			committed{topic, id, 1, 8, -1, nil}))
		r.show("negative offset", version, commitRequest(group, committed{topic, id, 2, -7, -1, nil}))
		r.show("metadata of 4096 and of 4097 bytes", version, commitRequest(group,
			committed{topic, id, 0, 1, -1, pointer(strings.Repeat("m", 4096))},
			committed{topic, id, 1, 1, -1, pointer(strings.Repeat("m", 4097))}))
		t.showCommitted(r, "at the end", group)

		member := commitRequest(group, committed{topic, id, 0, 1, -1, nil})
		member.MemberID = "nobody"
		r.show("unknown member without a generation", version, member)
		generation := commitRequest(group, committed{topic, id, 0, 1, -1, nil})
		generation.Generation, generation.MemberID = 3, "nobody"
		r.show("unknown member with a generation", version, generation)
		generation.Generation, generation.MemberID = 3, ""
		r.show("generation without a member", version, generation)
		unknown := commitRequest(t.name+".none", committed{topic, id, 0, 1, -1, nil})
		unknown.Generation, unknown.MemberID = 0, "nobody"
		r.show("member of an unknown group", version, unknown)
		r.show("empty group id", version, commitRequest("", committed{topic, id, 0, 1, -1, nil}))
		r.show("nothing", version, commitRequest(group))
	}
	instance := commitRequest(t.name+".v7", committed{topic, id, 0, 1, -1, nil})
	instance.InstanceID = pointer("instance")
	r.show("unknown instance without a member id", 7, instance)
	instance.Generation, instance.MemberID = 1, "nobody"
	r.show("unknown instance with a member id", 7, instance)
	list := kmsg.NewPtrListGroupsRequest()
	t.showOwnGroups(r, "groups that only committed", 5, list)
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{t.name + ".v7"}
	r.show("a group that only committed", 5, describe)
}

func (t *T) showCommitted(r *rawConnection, what, group string) {
	r.show(what, 7, oldFetch(group))
}

// oldFetch asks for all offsets of one group, in the form up to version 7.
func oldFetch(group string) *kmsg.OffsetFetchRequest {
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group, request.Topics = group, nil
	return request
}

type asked struct {
	topic      string
	id         [16]byte
	partitions []int32
}

// offsetFetch asks in the form that the version has; null topics ask for all.
func offsetFetch(version int16, group string, topics []asked) *kmsg.OffsetFetchRequest {
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = group
	entry := kmsg.NewOffsetFetchRequestGroup()
	entry.Group, entry.MemberEpoch = group, -1
	if topics != nil {
		request.Topics, entry.Topics = []kmsg.OffsetFetchRequestTopic{}, []kmsg.OffsetFetchRequestGroupTopic{}
	}
	for _, topic := range topics {
		old := kmsg.NewOffsetFetchRequestTopic()
		old.Topic, old.Partitions = topic.topic, topic.partitions
		request.Topics = append(request.Topics, old)
		recent := kmsg.NewOffsetFetchRequestGroupTopic()
		recent.Topic, recent.TopicID, recent.Partitions = topic.topic, topic.id, topic.partitions
		entry.Topics = append(entry.Topics, recent)
	}
	if version >= 8 {
		request.Groups = append(request.Groups, entry)
	}
	return request
}

func rawOffsetFetch(t *T) {
	t.coordinator()
	one, oneID := t.rawTopic("one", 2)
	two, twoID := t.rawTopic("two", 2)
	r := t.raw()
	group, other := t.name+".group", t.name+".other"
	r.show("commit", 8, commitRequest(group, committed{one, oneID, 0, 11, 0, pointer("m")}, committed{one, oneID, 1, 12, -1, nil}, committed{two, twoID, 1, 13, 2, pointer("")}))
	r.show("commit", 8, commitRequest(other, committed{two, twoID, 0, 21, -1, nil}))
	for version := int16(1); version <= 10; version++ {
		some := []asked{{one, oneID, []int32{0, 1}}, {two, twoID, []int32{0, 1, 7}}}
		r.show("some partitions", version, offsetFetch(version, group, some))
		r.show("unknown topic", version, offsetFetch(version, group, []asked{{t.name + ".unknown", [16]byte{6}, []int32{0}}, {one, oneID, []int32{0}}}))
		if version >= 2 {
			r.show("all topics", version, offsetFetch(version, group, nil))
			r.show("all topics of an unknown group", version, offsetFetch(version, t.name+".none", nil))
		}
		r.show("no topics", version, offsetFetch(version, group, []asked{}))
		r.show("no partitions", version, offsetFetch(version, group, []asked{{one, oneID, []int32{}}}))
		r.show("unknown group", version, offsetFetch(version, t.name+".none", some))
		r.show("empty group id", version, offsetFetch(version, "", some))
		if version >= 7 {
			stable := offsetFetch(version, group, some)
			stable.RequireStable = true
			r.show("only stable ones", version, stable)
		}
		if version >= 8 {
			several := offsetFetch(version, group, some)
			several.Groups = append(several.Groups, offsetFetch(version, other, nil).Groups[0], offsetFetch(version, t.name+".none", nil).Groups[0])
			r.show("several groups", version, several)
			none := offsetFetch(version, group, some)
			none.Groups = nil
			r.show("no groups", version, none)
		}
		if version >= 9 {
			member := offsetFetch(version, group, some)
			member.Groups[0].MemberID, member.Groups[0].MemberEpoch = pointer("nobody"), 3
			r.show("as an unknown member", version, member)
			member.Groups[0].MemberID, member.Groups[0].MemberEpoch = pointer(""), 0
			r.show("as a member without id", version, member)
		}
	}
}

// rawOffsetsDeletedTopic looks at what is left of committed offsets when their topic goes and comes back.
func rawOffsetsDeletedTopic(t *T) {
	t.coordinator()
	topic, id := t.rawTopic("topic", 1)
	kept, keptID := t.rawTopic("kept", 1)
	r := t.raw()
	group := t.name + ".group"
	r.show("commit", 8, commitRequest(group, committed{topic, id, 0, 4, -1, nil}, committed{kept, keptID, 0, 5, -1, nil}))
	r.show("delete", 6, deleteByName(topic))
	t.untilGone(r, topic)
	t.until("the offset is gone", func() bool {
		response := ask[*kmsg.OffsetFetchResponse](r, 7, oldFetch(group))
		return len(response.Topics) == 1
	})
	r.show("after the topic is gone", 7, oldFetch(group))
	_, newID := t.rawTopic("topic", 1)
	for _, version := range []int16{7, 9, 10} {
		r.show("after it is back", version, offsetFetch(version, group, []asked{{topic, newID, []int32{0}}, {kept, keptID, []int32{0}}}))
	}
	r.show("by the id that is gone", 10, offsetFetch(10, group, []asked{{topic, id, []int32{0}}}))
	r.show("commit by the id that is gone", 10, commitRequest(group, committed{topic, id, 0, 6, -1, nil}))
}

// showOwnGroups lists the groups whose name begins with the scenario's.
func (t *T) showOwnGroups(r *rawConnection, what string, version int16, request *kmsg.ListGroupsRequest) {
	response := ask[*kmsg.ListGroupsResponse](r, version, request)
	var own []kmsg.ListGroupsResponseGroup
	for _, group := range response.Groups {
		if strings.HasPrefix(group.Group, t.name+".") {
			own = append(own, group)
		}
	}
	response.Groups = own
	t.dump(fmt.Sprintf("v%d %s", version, what), response)
}
