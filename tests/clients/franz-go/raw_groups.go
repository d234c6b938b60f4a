package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func rawGroupScenarios() []scenario {
	return []scenario{
		{"raw-join-group", rawJoinGroup},
		{"raw-join-group-errors", rawJoinGroupErrors},
		{"raw-rebalance", rawRebalance},
		{"raw-group-timeouts", rawGroupTimeouts},
		{"raw-static-members", rawStaticMembers},
		{"raw-leave-group", rawLeaveGroup},
		{"raw-list-groups", rawListGroups},
		{"raw-member-commit", rawMemberCommit},
	}
}

func joinRequest(group, member string, protocols ...string) *kmsg.JoinGroupRequest {
	request := kmsg.NewPtrJoinGroupRequest()
	request.Group, request.MemberID, request.ProtocolType = group, member, "consumer"
	request.SessionTimeoutMillis, request.RebalanceTimeoutMillis = 30000, 30000
	for _, name := range protocols {
		protocol := kmsg.NewJoinGroupRequestProtocol()
		protocol.Name, protocol.Metadata = name, subscription(name)
		request.Protocols = append(request.Protocols, protocol)
	}
	return request
}

// subscription is the metadata of a consumer; Kafka's coordinator reads it, and trips over what is none.
func subscription(userData string) []byte {
	metadata := kmsg.NewConsumerMemberMetadata()
	metadata.Topics, metadata.UserData = []string{"topic"}, []byte(userData)
	return metadata.AppendTo(nil)
}

func syncRequest(group, member string, generation int32, assignments ...string) *kmsg.SyncGroupRequest {
	request := kmsg.NewPtrSyncGroupRequest()
	request.Group, request.MemberID, request.Generation = group, member, generation
	request.ProtocolType, request.Protocol = pointer("consumer"), pointer("range")
	for i := 0; i+1 < len(assignments); i += 2 {
		assignment := kmsg.NewSyncGroupRequestGroupAssignment()
		assignment.MemberID, assignment.MemberAssignment = assignments[i], []byte(assignments[i+1])
		request.GroupAssignment = append(request.GroupAssignment, assignment)
	}
	return request
}

func heartbeatRequest(group, member string, generation int32) *kmsg.HeartbeatRequest {
	request := kmsg.NewPtrHeartbeatRequest()
	request.Group, request.MemberID, request.Generation = group, member, generation
	return request
}

func describeRequest(groups ...string) *kmsg.DescribeGroupsRequest {
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = groups
	return request
}

func leaveRequest(group string, members ...kmsg.LeaveGroupRequestMember) *kmsg.LeaveGroupRequest {
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group, request.Members = group, members
	if len(members) > 0 {
		request.MemberID = members[0].MemberID
	}
	return request
}

func leaving(member string, instance *string) kmsg.LeaveGroupRequestMember {
	entry := kmsg.NewLeaveGroupRequestMember()
	entry.MemberID, entry.InstanceID = member, instance
	return entry
}

// show dumps an answer that the scenario has looked at already.
func (t *T) showAnswer(what string, version int16, response any) {
	t.dump(fmt.Sprintf("v%d %s", version, what), response)
}

// newMember gets a member id and prints how: from version 4 on a first answer tells the id to come back with.
func (r *rawConnection) newMember(version int16, what string, request *kmsg.JoinGroupRequest) *kmsg.JoinGroupRequest {
	if version < 4 {
		return request
	}
	response := ask[*kmsg.JoinGroupResponse](r, version, request)
	r.t.equal("error of the first JoinGroup", codeName(response.ErrorCode), "MEMBER_ID_REQUIRED")
	r.t.showAnswer(what+" is given an id", version, response)
	request.MemberID = response.MemberID
	return request
}

// join sends a JoinGroup that is answered at once and prints the answer.
func (r *rawConnection) join(version int16, what string, request *kmsg.JoinGroupRequest) *kmsg.JoinGroupResponse {
	response := ask[*kmsg.JoinGroupResponse](r, version, request)
	r.t.showAnswer(what, version, response)
	return response
}

// rawJoinGroup takes a group of one through its life at each version.
func rawJoinGroup(t *T) {
	t.coordinator()
	for version := int16(0); version <= 9; version++ {
		t.groupOfOne(version)
	}
	authorized := describeRequest(t.name+".v9", t.name+".v0")
	authorized.IncludeAuthorizedOperations = true
	r := t.raw()
	r.show("describe two with operations", 3, authorized)
	r.show("describe two with operations", 6, authorized)
}

func (t *T) groupOfOne(version int16) {
	r := t.rawAs("client-one")
	group := fmt.Sprintf("%s.v%d", t.name, version)
	syncVersion, heartbeatVersion, leaveVersion := min(version, 5), min(version, 4), min(version, 5)
	describeVersion := min(version, 6)

	r.show("describe before", describeVersion, describeRequest(group))
	request := r.newMember(version, "member", joinRequest(group, "", "range", "roundrobin"))
	joined := r.join(version, "member joins", request)
	member := joined.MemberID
	t.check(strings.HasPrefix(member, "client-one-"), "the member id is %q", member)
	t.equal("leader", joined.LeaderID, member)
	r.show("describe before the sync", describeVersion, describeRequest(group))
	r.show("heartbeat before the sync", heartbeatVersion, heartbeatRequest(group, member, joined.Generation))
	r.show("sync", syncVersion, syncRequest(group, member, joined.Generation, member, "the assignment"))
	r.show("heartbeat", heartbeatVersion, heartbeatRequest(group, member, joined.Generation))
	r.show("describe", describeVersion, describeRequest(group))
	r.show("sync again", syncVersion, syncRequest(group, member, joined.Generation))

	again := joinRequest(group, member, "range", "roundrobin")
	rejoined := r.join(version, "the leader joins again", again)
	r.show("sync of the old generation", syncVersion, syncRequest(group, member, joined.Generation))
	r.show("heartbeat of the old generation", heartbeatVersion, heartbeatRequest(group, member, joined.Generation))
	r.show("sync of the new generation", syncVersion, syncRequest(group, member, rejoined.Generation, member, "another"))
	r.show("heartbeat of a generation to come", heartbeatVersion, heartbeatRequest(group, member, rejoined.Generation+1))
	if version >= 5 {
		other := syncRequest(group, member, rejoined.Generation)
		other.Protocol = pointer("roundrobin")
		r.show("sync with another protocol", 5, other)
		other = syncRequest(group, member, rejoined.Generation)
		other.ProtocolType = pointer("connect")
		r.show("sync with another protocol type", 5, other)
		other.ProtocolType, other.Protocol = nil, nil
		r.show("sync with neither", 5, other)
	}
	r.show("leave", leaveVersion, leaveRequest(group, leaving(member, nil)))
	r.show("describe after", describeVersion, describeRequest(group))
	r.show("heartbeat after", heartbeatVersion, heartbeatRequest(group, member, rejoined.Generation))
	r.show("leave again", leaveVersion, leaveRequest(group, leaving(member, nil)))

	later := r.newMember(version, "later member", joinRequest(group, "", "sticky"))
	r.join(version, "another member joins the empty group", later)
}

func rawJoinGroupErrors(t *T) {
	t.coordinator()
	r := t.raw()
	group := t.name + ".group"
	request := r.newMember(5, "member", joinRequest(group, "", "range", "roundrobin"))
	joined := r.join(5, "member joins", request)
	r.show("sync", 3, syncRequest(group, joined.MemberID, joined.Generation, joined.MemberID, "all"))

	for version := int16(0); version <= 9; version++ {
		unsupported := joinRequest(group, "", "nobody-has-this")
		r.show("no common protocol", version, unsupported)
		other := joinRequest(group, "", "range")
		other.ProtocolType = "connect"
		r.show("another protocol type", version, other)
		r.show("unknown member", version, joinRequest(group, "nobody", "range"))
		r.show("unknown member of an unknown group", version, joinRequest(t.name+".none", "nobody", "range"))
		for _, timeout := range []int32{5999, 1800001, 0, -1} {
			bad := joinRequest(t.name+".timeouts", "", "range")
			bad.SessionTimeoutMillis = timeout
			r.show(fmt.Sprintf("session timeout %d", timeout), version, bad)
		}
		r.show("empty group id", version, joinRequest("", "", "range"))
		r.show("no protocols", version, joinRequest(t.name+".protocols", ""))
		typeless := joinRequest(t.name+".protocols", "", "range")
		typeless.ProtocolType = ""
		r.show("no protocol type", version, typeless)
	}
	for _, version := range []int16{0, 2, 5} {
		syncVersion := version
		r.show("sync of an unknown member", syncVersion, syncRequest(group, "nobody", joined.Generation))
		r.show("sync of an unknown group", syncVersion, syncRequest(t.name+".none", "nobody", 1))
		r.show("sync of an empty group id", syncVersion, syncRequest("", "nobody", 1))
	}
	for version := int16(0); version <= 4; version++ {
		r.show("heartbeat of an unknown member", version, heartbeatRequest(group, "nobody", joined.Generation))
		r.show("heartbeat of an unknown group", version, heartbeatRequest(t.name+".none", "nobody", 1))
		r.show("heartbeat of an empty group id", version, heartbeatRequest("", "nobody", 1))
		r.show("heartbeat of a wrong generation", version, heartbeatRequest(group, joined.MemberID, joined.Generation+5))
	}
	for version := int16(0); version <= 6; version++ {
		r.show("describe nothing", version, describeRequest())
		r.show("describe some", version, describeRequest(t.name+".none", group, ""))
	}
	r.show("the member is still there", 4, heartbeatRequest(group, joined.MemberID, joined.Generation))
}

// rawRebalance has members that join, wait for one another and leave, each on a connection of its own.
func rawRebalance(t *T) {
	t.coordinator()
	for _, version := range []int16{2, 5, 9} {
		t.rebalance(version)
	}
}

func (t *T) rebalance(version int16) {
	group := fmt.Sprintf("%s.v%d", t.name, version)
	heartbeatVersion, syncVersion := min(version, 4), min(version, 5)
	a, b, c := t.rawAs("a"), t.rawAs("b"), t.rawAs("c")
	joinA := a.newMember(version, "a", joinRequest(group, "", "range", "roundrobin"))
	first := a.join(version, "a joins", joinA)
	memberA := first.MemberID
	a.show("a syncs", syncVersion, syncRequest(group, memberA, first.Generation, memberA, "a alone"))

	joinB := b.newMember(version, "b", joinRequest(group, "", "roundrobin", "range", "sticky"))
	b.send(withVersion(version, joinB))
	t.until("a's heartbeat tells of the rebalance", func() bool {
		return ask[*kmsg.HeartbeatResponse](a, heartbeatVersion, heartbeatRequest(group, memberA, first.Generation)).ErrorCode != 0
	})
	a.show("a's heartbeat", heartbeatVersion, heartbeatRequest(group, memberA, first.Generation))
	a.show("a's sync in the rebalance", syncVersion, syncRequest(group, memberA, first.Generation))
	c.show("describe in the rebalance", min(version, 6), describeRequest(group))
	second := a.join(version, "a joins again", joinRequest(group, memberA, "range", "roundrobin"))
	answerB := b.receive().(*kmsg.JoinGroupResponse)
	t.showAnswer("b's join", version, answerB)
	memberB := answerB.MemberID
	t.equal("generation of b", answerB.Generation, second.Generation)
	t.equal("leader", answerB.LeaderID, memberA)
	b.send(withVersion(syncVersion, syncRequest(group, memberB, second.Generation)))
	b.clientPause()
	a.show("heartbeat before the leader syncs", heartbeatVersion, heartbeatRequest(group, memberA, second.Generation))
	a.show("a syncs for both", syncVersion, syncRequest(group, memberA, second.Generation, memberA, "a of two", memberB, "b of two"))
	b.showNext("b's sync", syncVersion)
	c.show("describe two", min(version, 6), describeRequest(group))

	joinC := c.newMember(version, "c", joinRequest(group, "", "range", "sticky"))
	c.send(withVersion(version, joinC))
	t.until("b's heartbeat tells of the rebalance", func() bool {
		return ask[*kmsg.HeartbeatResponse](b, heartbeatVersion, heartbeatRequest(group, memberB, second.Generation)).ErrorCode != 0
	})
	b.send(withVersion(version, joinRequest(group, memberB, "roundrobin", "range", "sticky")))
	b.clientPause()
	third := a.join(version, "a joins a third time", joinRequest(group, memberA, "range", "roundrobin"))
	t.showAnswer("b's second join", version, b.receive())
	answerC := c.receive().(*kmsg.JoinGroupResponse)
	t.showAnswer("c's join", version, answerC)
	memberC := answerC.MemberID
	c.send(withVersion(syncVersion, syncRequest(group, memberC, third.Generation)))
	b.send(withVersion(syncVersion, syncRequest(group, memberB, third.Generation)))
	b.clientPause()
	// The leader leaves c out: it gets an empty assignment.
	a.show("a syncs for two of three", syncVersion, syncRequest(group, memberA, third.Generation, memberA, "a of three", memberB, "b of three", "nobody", "lost"))
	b.showNext("b's second sync", syncVersion)
	c.showNext("c's sync", syncVersion)

	// The leader goes; the others join again, and one of them leads: which one is left to the broker.
	a.show("the leader leaves", min(version, 5), leaveRequest(group, leaving(memberA, nil)))
	b.show("b's heartbeat after that", heartbeatVersion, heartbeatRequest(group, memberB, third.Generation))
	b.send(withVersion(version, joinRequest(group, memberB, "roundrobin", "range", "sticky")))
	b.clientPause()
	fourth := ask[*kmsg.JoinGroupResponse](c, version, joinRequest(group, memberC, "range", "sticky"))
	afterB := b.receive().(*kmsg.JoinGroupResponse)
	t.equal("generation", afterB.Generation, fourth.Generation)
	t.equal("leader", afterB.LeaderID, fourth.LeaderID)
	t.show(fmt.Sprintf("v%d b and c without a", version), fmt.Sprintf("generation %d, members told %d, protocol %s", fourth.Generation, len(fourth.Members)+len(afterB.Members), *fourth.Protocol))

	// A member that does not lead joins again with the same protocols: nothing changes once the group is stable.
	leader, follower, leaderID, followerID := b, c, memberB, memberC
	followerProtocols := []string{"range", "sticky"}
	if fourth.LeaderID == memberC {
		leader, follower, leaderID, followerID = c, b, memberC, memberB
		followerProtocols = []string{"roundrobin", "range", "sticky"}
	}
	leader.send(withVersion(syncVersion, func() *kmsg.SyncGroupRequest {
		request := syncRequest(group, leaderID, fourth.Generation, leaderID, "leader of two", followerID, "follower of two")
		request.Protocol = fourth.Protocol
		return request
	}()))
	leader.receive()
	sync := syncRequest(group, followerID, fourth.Generation)
	sync.Protocol = fourth.Protocol
	follower.show("follower syncs", syncVersion, sync)
	same := ask[*kmsg.JoinGroupResponse](follower, version, joinRequest(group, followerID, followerProtocols...))
	t.show(fmt.Sprintf("v%d a follower joins again unchanged", version), fmt.Sprintf("%s, same generation: %v, members told: %d", codeName(same.ErrorCode), same.Generation == fourth.Generation, len(same.Members)))
	leader.show("the leader's heartbeat", heartbeatVersion, heartbeatRequest(group, leaderID, fourth.Generation))
	sync.Generation = same.Generation
	follower.show("follower syncs again", syncVersion, sync)
}

// clientPause lets a request reach the broker before another connection's next one.
func (r *rawConnection) clientPause() { time.Sleep(60 * time.Millisecond) }

// rawGroupTimeouts has members that stop speaking.
func rawGroupTimeouts(t *T) {
	t.coordinator()
	group := t.name + ".session"
	a, b := t.rawAs("a"), t.rawAs("b")
	request := a.newMember(5, "a", joinRequest(group, "", "range"))
	request.SessionTimeoutMillis = 6000
	joined := a.join(5, "a joins", request)
	a.show("a syncs", 3, syncRequest(group, joined.MemberID, joined.Generation, joined.MemberID, "all"))
	silentSince := time.Now()

	// Meanwhile: one who does not come back within the rebalance timeout, which may be short.
	slow := t.name + ".rebalance"
	c, d := t.rawAs("c"), t.rawAs("d")
	requestC := c.newMember(5, "c", joinRequest(slow, "", "range"))
	requestC.RebalanceTimeoutMillis = 700
	joinedC := c.join(5, "c joins", requestC)
	c.show("c syncs", 3, syncRequest(slow, joinedC.MemberID, joinedC.Generation, joinedC.MemberID, "all"))
	requestD := d.newMember(5, "d", joinRequest(slow, "", "range"))
	requestD.RebalanceTimeoutMillis = 700
	started := time.Now()
	joinedD := d.join(5, "d joins, c does not come back", requestD)
	took := time.Since(started)
	t.check(took > 650*time.Millisecond && took < 3*time.Second, "the join took %v where the rebalance timeout is 700 ms", took)
	t.equal("leader", joinedD.LeaderID, joinedD.MemberID)
	c.show("c's heartbeat", 4, heartbeatRequest(slow, joinedC.MemberID, joinedC.Generation))
	c.show("c joins too late", 5, joinRequest(slow, joinedC.MemberID, "range"))

	// d leads and never syncs: after the rebalance timeout it is put out, and a member that waits for its sync has to join again.
	started = time.Now()
	t.until("the group has lost its leader", func() bool {
		group := ask[*kmsg.DescribeGroupsResponse](c, 5, describeRequest(slow)).Groups[0]
		return len(group.Members) == 0
	})
	took = time.Since(started)
	t.check(took < 5*time.Second, "it took %v to put out a leader that does not sync", took)
	c.show("a leader that does not sync is put out", 5, describeRequest(slow))

	b.show("describe a while it is silent", 5, describeRequest(group))
	t.until("a is put out", func() bool {
		return len(ask[*kmsg.DescribeGroupsResponse](b, 5, describeRequest(group)).Groups[0].Members) == 0
	})
	took = time.Since(silentSince)
	t.check(took > 5900*time.Millisecond && took < 8*time.Second, "a silent member was put out after %v where the session timeout is 6 s", took)
	b.show("describe after a is put out", 5, describeRequest(group))
	a.show("a's heartbeat after that", 4, heartbeatRequest(group, joined.MemberID, joined.Generation))

	// A member that closes its connection while its join waits is still a member until its session ends.
	closing := t.name + ".closing"
	e, f := t.rawAs("e"), t.rawAs("f")
	requestE := e.newMember(5, "e", joinRequest(closing, "", "range"))
	joinedE := e.join(5, "e joins", requestE)
	e.show("e syncs", 3, syncRequest(closing, joinedE.MemberID, joinedE.Generation, joinedE.MemberID, "all"))
	requestF := f.newMember(5, "f", joinRequest(closing, "", "range"))
	f.send(withVersion(5, requestF))
	f.clientPause()
	f.socket.Close()
	e.clientPause()
	e.show("describe after f's connection is gone", 5, describeRequest(closing))
	after := e.join(5, "e joins again", joinRequest(closing, joinedE.MemberID, "range"))
	t.show("members of the generation after that", len(after.Members))
}

func static(request *kmsg.JoinGroupRequest, instance string) *kmsg.JoinGroupRequest {
	request.InstanceID = &instance
	return request
}

func rawStaticMembers(t *T) {
	t.coordinator()
	for _, version := range []int16{5, 6, 7, 8, 9} {
		t.staticMembers(version)
	}
	// An instance id that is not allowed, and one with a member id that nobody has.
	r := t.raw()
	group := t.name + ".errors"
	for _, bad := range []string{"", ".", "a b", "größe"} {
		r.show(fmt.Sprintf("instance %q joins", bad), 7, static(joinRequest(fmt.Sprintf("%s.%q", group, bad), "", "range"), bad))
	}
	r.show("instance with an unknown member id", 7, static(joinRequest(group, "nobody", "range"), "instance"))
	joined := r.join(7, "instance joins", static(joinRequest(group, "", "range"), "instance"))
	r.show("the instance with another member id", 7, static(joinRequest(group, "nobody", "range"), "instance"))
	t.show("members of the group", len(joined.Members))
}

func (t *T) staticMembers(version int16) {
	group := fmt.Sprintf("%s.v%d", t.name, version)
	syncVersion := min(version-2, 5)
	a, b, again := t.rawAs("a"), t.rawAs("b"), t.rawAs("again")
	sync := func(r *rawConnection, what, member, instance string, generation int32, assignments ...string) {
		request := syncRequest(group, member, generation, assignments...)
		request.InstanceID = &instance
		r.show(what, syncVersion, request)
	}
	heartbeat := func(r *rawConnection, what, member, instance string, generation int32) {
		request := heartbeatRequest(group, member, generation)
		request.InstanceID = &instance
		r.show(what, 4, request)
	}
	first := a.join(version, "instance a joins", static(joinRequest(group, "", "range"), "a"))
	sync(a, "a syncs", first.MemberID, "a", first.Generation, first.MemberID, "a alone")
	b.send(withVersion(version, static(joinRequest(group, "", "range"), "b")))
	t.until("a's heartbeat tells of the rebalance", func() bool {
		return ask[*kmsg.HeartbeatResponse](a, 4, heartbeatRequest(group, first.MemberID, first.Generation)).ErrorCode != 0
	})
	second := a.join(version, "a joins again", static(joinRequest(group, first.MemberID, "range"), "a"))
	joinedB := b.receive().(*kmsg.JoinGroupResponse)
	t.showAnswer("instance b's join", version, joinedB)
	b.send(withVersion(syncVersion, func() *kmsg.SyncGroupRequest {
		request := syncRequest(group, joinedB.MemberID, second.Generation)
		request.InstanceID = pointer("b")
		return request
	}()))
	b.clientPause()
	sync(a, "a syncs for both", first.MemberID, "a", second.Generation, first.MemberID, "a of two", joinedB.MemberID, "b of two")
	b.showNext("b's sync", syncVersion)
	a.show("describe", min(version, 6), describeRequest(group))

	// b is started anew: it gets another member id and the assignment that it had, and nobody has to join again.
	restarted := again.join(version, "b joins as a new process", static(joinRequest(group, "", "range"), "b"))
	t.check(restarted.MemberID != joinedB.MemberID, "b has its old member id")
	sync(again, "the new b syncs", restarted.MemberID, "b", restarted.Generation)
	heartbeat(a, "a's heartbeat", first.MemberID, "a", second.Generation)
	heartbeat(b, "the old b's heartbeat", joinedB.MemberID, "b", second.Generation)
	sync(b, "the old b syncs", joinedB.MemberID, "b", second.Generation)
	b.show("the old b joins again", version, static(joinRequest(group, joinedB.MemberID, "range"), "b"))
	commit := commitRequest(group)
	commit.MemberID, commit.InstanceID, commit.Generation = joinedB.MemberID, pointer("b"), second.Generation
	b.show("the old b commits nothing", 8, commit)
	b.show("the old b's heartbeat without its instance", 4, heartbeatRequest(group, joinedB.MemberID, second.Generation))

	// The leader is started anew, and once more with other metadata.
	leader := a.join(version, "the leader joins as a new process", static(joinRequest(group, "", "range"), "a"))
	sync(a, "the new leader syncs", leader.MemberID, "a", leader.Generation)
	a.show("describe after the restarts", min(version, 6), describeRequest(group))
	heartbeat(again, "the new b's heartbeat", restarted.MemberID, "b", restarted.Generation)

	b.show("leave by the wrong member id", 5, leaveRequest(group, leaving(joinedB.MemberID, pointer("b"))))
	b.show("leave by instance ids, one of them unknown", 5, leaveRequest(group, leaving("", pointer("b")), leaving("", pointer("unknown"))))
	a.show("describe after b left", min(version, 6), describeRequest(group))
	heartbeat(a, "a's heartbeat after b left", leader.MemberID, "a", leader.Generation)
	a.show("a leaves", 4, leaveRequest(group, leaving(leader.MemberID, pointer("a"))))
	a.show("describe after all left", min(version, 6), describeRequest(group))
}

func rawLeaveGroup(t *T) {
	t.coordinator()
	for version := int16(0); version <= 5; version++ {
		group := fmt.Sprintf("%s.v%d", t.name, version)
		r := t.raw()
		r.show("unknown group", version, leaveRequest(group, leaving("nobody", nil)))
		joined := r.join(3, "member joins", joinRequest(group, "", "range"))
		r.show("unknown member", version, leaveRequest(group, leaving("nobody", nil)))
		r.show("empty group id", version, leaveRequest("", leaving("nobody", nil)))
		if version >= 3 {
			r.show("nobody", version, leaveRequest(group))
			r.show("several", version, leaveRequest(group, leaving("nobody", nil), leaving(joined.MemberID, nil), leaving("", pointer("unknown")), leaving(joined.MemberID, nil)))
		} else {
			r.show("the member", version, leaveRequest(group, leaving(joined.MemberID, nil)))
		}
		r.show("describe", 5, describeRequest(group))
	}
}

func rawListGroups(t *T) {
	t.coordinator()
	topic, id := t.rawTopic("topic", 1)
	r := t.raw()
	name := func(suffix string) string { return t.name + "." + suffix }
	join := func(group string) *kmsg.JoinGroupResponse {
		return ask[*kmsg.JoinGroupResponse](r, 3, joinRequest(group, "", "range"))
	}
	stable := join(name("stable"))
	r.show("sync", 3, syncRequest(name("stable"), stable.MemberID, stable.Generation, stable.MemberID, "all"))
	join(name("completing"))
	left := join(name("empty"))
	r.show("commit", 8, commitRequest(name("only-offsets"), committed{topic, id, 0, 1, -1, nil}))
	member := commitRequest(name("empty"), committed{topic, id, 0, 1, -1, nil})
	member.MemberID, member.Generation = left.MemberID, left.Generation
	r.show("commit before the sync", 8, member)
	r.show("leave", 3, leaveRequest(name("empty"), leaving(left.MemberID, nil)))
	for version := int16(0); version <= 5; version++ {
		t.showOwnGroups(r, "all", version, kmsg.NewPtrListGroupsRequest())
	}
	for _, version := range []int16{4, 5} {
		for _, states := range [][]string{{"Stable"}, {"Empty"}, {"stable"}, {"EMPTY", "CompletingRebalance"}, {"PreparingRebalance"}, {"Dead"}, {"NoSuchState"}, {"Stable", "NoSuchState"}} {
			request := kmsg.NewPtrListGroupsRequest()
			request.StatesFilter = states
			t.showOwnGroups(r, fmt.Sprintf("in %v", states), version, request)
		}
	}
	for _, types := range [][]string{{"classic"}, {"Classic"}, {"consumer"}, {"share"}, {"nosuchtype"}, {"classic", "consumer"}} {
		request := kmsg.NewPtrListGroupsRequest()
		request.TypesFilter = types
		t.showOwnGroups(r, fmt.Sprintf("of %v", types), 5, request)
	}
	both := kmsg.NewPtrListGroupsRequest()
	both.TypesFilter, both.StatesFilter = []string{"classic"}, []string{"Stable"}
	t.showOwnGroups(r, "classic and stable", 5, both)
}

// rawMemberCommit commits in each state of a group.
func rawMemberCommit(t *T) {
	t.coordinator()
	topic, id := t.rawTopic("topic", 1)
	for _, version := range []int16{2, 5, 7, 8, 9, 10} {
		group := fmt.Sprintf("%s.v%d", t.name, version)
		r, other := t.rawAs("a"), t.rawAs("b")
		commit := func(r *rawConnection, what, member string, generation int32) {
			request := commitRequest(group, committed{topic, id, 0, 1, -1, nil})
			request.MemberID, request.Generation = member, generation
			r.show(what, version, request)
		}
		joined := r.join(3, "a joins", joinRequest(group, "", "range"))
		commit(r, "before the sync", joined.MemberID, joined.Generation)
		r.show("sync", 3, syncRequest(group, joined.MemberID, joined.Generation, joined.MemberID, "all"))
		commit(r, "a member", joined.MemberID, joined.Generation)
		commit(r, "an old generation", joined.MemberID, joined.Generation-1)
		commit(r, "a generation to come", joined.MemberID, joined.Generation+1)
		commit(r, "no generation", joined.MemberID, -1)
		commit(r, "no member", "", joined.Generation)
		commit(r, "neither", "", -1)
		commit(r, "an unknown member", "nobody", joined.Generation)
		other.send(withVersion(3, joinRequest(group, "", "range")))
		t.until("the rebalance has begun", func() bool {
			return ask[*kmsg.HeartbeatResponse](r, 4, heartbeatRequest(group, joined.MemberID, joined.Generation)).ErrorCode != 0
		})
		commit(r, "in the rebalance", joined.MemberID, joined.Generation)
		commit(r, "in the rebalance, neither", "", -1)
		rejoined := r.join(3, "a joins again", joinRequest(group, joined.MemberID, "range"))
		other.receive()
		commit(r, "the old generation before the sync", joined.MemberID, joined.Generation)
		commit(r, "the new generation before the sync", joined.MemberID, rejoined.Generation)
	}
}
