// Consumer groups: members that come, go and fall silent, with the assignor of KafkaJS and with one of its user's.
//
// KafkaJS 2.2.4 knows no group.instance.id, so there are no static members here.
import kafkajs from 'kafkajs'
import { sleep } from '../harness.js'

const { AssignerProtocol, PartitionAssigners } = kafkajs

const PARTITIONS = 6

// KafkaJS brings round robin alone; this is the range assignor that its documentation teaches users to write.
const range = ({ cluster }) => ({
  name: 'RangeByHand',
  version: 1,
  async assign({ members, topics }) {
    const ids = members.map(({ memberId }) => memberId).sort()
    const shares = ids.map(() => ({}))
    for (const topic of topics) {
      const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
      partitions.sort((a, b) => a - b)
      const share = Math.ceil(partitions.length / ids.length)
      shares.forEach((own, i) => (own[topic] = partitions.slice(i * share, (i + 1) * share)))
    }
    return ids.map((memberId, i) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: 1,
        assignment: shares[i],
        userData: Buffer.from('by hand'),
      }),
    }))
  },
  protocol: ({ topics }) => ({
    name: 'RangeByHand',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.from('any') }),
  }),
})

// One group on one topic: its members, what each owns, and a steady stream of records that all must be read.
class Group {
  static async start(s, suffix, options = {}) {
    const group = new Group()
    group.scenario = s
    group.topic = await s.topic(suffix, PARTITIONS)
    group.groupId = `${group.topic}-group`
    group.options = options
    group.members = new Map()
    group.sent = 0
    group.read = new Map()
    group.wrong = []
    return group
  }

  async join(name, options) {
    const member = await this.meet(name, options)
    await this.run(member)
    return member
  }

  async meet(name, options = {}) {
    const s = this.scenario
    const clientId = `${this.groupId}-${name}`
    const consumer = await s.consumer({ groupId: this.groupId, ...this.options, ...options }, s.client(clientId))
    const member = { name, clientId, consumer, partitions: [], joins: 0, slow: 0 }
    this.members.set(name, member)
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      member.joins++
      member.id = payload.memberId
      member.protocol = payload.groupProtocol
      member.leader = payload.isLeader
      member.partitions = payload.memberAssignment[this.topic] ?? []
    })
    return member
  }

  async run(member) {
    await member.consumer.subscribe({ topics: [this.topic], fromBeginning: true })
    await member.consumer.run({ eachMessage: payload => this.receive(member, payload) })
  }

  async receive(member, { partition, message }) {
    const key = message.key.toString()
    if (message.value.toString() !== `value of ${key} for ${partition}`) this.wrong.push(key)
    const readers = this.read.get(key) ?? []
    readers.push(member.name)
    this.read.set(key, readers)
    if (member.slow > 0) {
      const pause = member.slow
      member.slow = 0
      await sleep(pause)
    }
  }

  async leave(name) {
    const { consumer } = this.members.get(name)
    this.members.delete(name)
    await consumer.disconnect()
  }

  // One record to every partition; gives their keys.
  async produce() {
    const messages = Array.from({ length: PARTITIONS }, (_, partition) => {
      const key = `record ${this.sent++}`
      return { key, value: `value of ${key} for ${partition}`, partition }
    })
    await this.scenario.produce(this.topic, messages)
    return messages.map(({ key }) => key)
  }

  // KafkaJS sends heartbeats between fetches only, so a steady stream of records is what lets members notice a rebalance.
  async settle(what, names, shares) {
    const s = this.scenario
    const current = () => names.map(name => this.members.get(name)?.partitions ?? [])
    const settled = () => {
      const owned = current()
      return owned.flat().length === PARTITIONS && new Set(owned.flat()).size === PARTITIONS && counts(owned).join() === shares.join()
    }
    const stable = async () => {
      await this.produce()
      await sleep(100)
      if (!settled()) return false
      const { state, members } = await this.describe()
      return state === 'Stable' && members.length === names.length
    }
    await s.until(`${what}: a stable group with shares ${shares}`, stable, current)
    s.check(`${what}: partitions per member`, counts(current()), shares)
    s.check(`${what}: partitions owned`, current().flat().sort(), [0, 1, 2, 3, 4, 5])
    await this.checkDescription(what, names)
    await this.everyRecordOnce(what)
  }

  async describe() {
    const admin = await this.scenario.admin()
    return (await admin.describeGroups([this.groupId])).groups[0]
  }

  async checkDescription(what, names) {
    const s = this.scenario
    const { state, protocol, protocolType, members, errorCode } = await this.describe()
    s.note(`${what}: description`, { errorCode, state, protocolType, protocol, members: members.length })
    const described = members.map(({ clientId, clientHost, memberId, memberAssignment, memberMetadata }) => {
      const member = [...this.members.values()].find(one => one.clientId === clientId)
      const assigned = AssignerProtocol.MemberAssignment.decode(memberAssignment).assignment[this.topic]
      const { topics } = AssignerProtocol.MemberMetadata.decode(memberMetadata)
      return {
        name: member.name,
        host: clientHost,
        itsId: memberId === member.id,
        namedAfterClient: memberId.startsWith(`${clientId}-`),
        itsPartitions: sorted(assigned).join() === sorted(member.partitions).join(),
        topics,
      }
    })
    described.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const member of described) s.note(`${what}: member`, member)
    s.check(`${what}: members`, described.map(({ name }) => name), [...names].sort())
    s.check(`${what}: leaders`, names.filter(name => this.members.get(name).leader).length, 1)
  }

  // In a stable group a record is read by the owner of its partition, and by nobody else.
  async everyRecordOnce(what) {
    const s = this.scenario
    const keys = await this.produce()
    const arrived = () => keys.every(key => this.read.has(key))
    await s.until(`${what}: every record`, arrived, () => keys.filter(key => !this.read.has(key)))
    const owners = keys.map((_, partition) => [...this.members.values()].find(m => m.partitions.includes(partition)).name)
    const right = keys.every((key, partition) => this.read.get(key).join() === owners[partition])
    s.check(`${what}: each record read once, by its owner`, right, true)
  }

  async finish() {
    const s = this.scenario
    const complete = () => this.read.size === this.sent
    await s.until('every record of the group', complete, () => `${this.read.size} of ${this.sent}`)
    s.check('records with a wrong value', this.wrong, [])
    s.note('every record was read', String(complete()))
  }

  async empty() {
    const s = this.scenario
    await s.until('an empty group', async () => (await this.describe()).state === 'Empty')
    const { state, protocol, protocolType, members } = await this.describe()
    s.note('when all have left', { state, protocolType, protocol, members })
    const admin = await s.admin()
    const ends = await admin.fetchTopicOffsets(this.topic)
    const [{ partitions }] = await admin.fetchOffsets({ groupId: this.groupId, topics: [this.topic] })
    const committed = partitions.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset)
    const expected = ends.sort((a, b) => a.partition - b.partition).map(({ high }) => high)
    if (committed.join() !== expected.join()) throw new Error(`committed ${committed} but the ends are ${expected}`)
    s.note('committed offsets are the ends', 'true')
  }
}

const sorted = numbers => [...numbers].sort((a, b) => a - b)
const counts = owned => owned.map(partitions => partitions.length).sort((a, b) => b - a)

const two = assigners => async s => {
  const group = await Group.start(s, 'two', assigners)
  await group.join('a')
  await group.settle('one', ['a'], [6])
  await group.join('b')
  await group.settle('two', ['a', 'b'], [3, 3])
  await group.leave('a')
  await group.settle('the second alone', ['b'], [6])
  await group.finish()
  await group.leave('b')
  await group.empty()
}

const three = assigners => async s => {
  const group = await Group.start(s, 'three', assigners)
  await group.join('a')
  await group.settle('one', ['a'], [6])
  await group.join('b')
  await group.settle('two', ['a', 'b'], [3, 3])
  await group.join('c')
  await group.settle('three', ['a', 'b', 'c'], [2, 2, 2])
  await group.leave('b')
  await group.settle('one left', ['a', 'c'], [3, 3])
  await group.join('d')
  await group.settle('another came', ['a', 'c', 'd'], [2, 2, 2])
  await group.finish()
  await Promise.all(['a', 'c', 'd'].map(name => group.leave(name)))
  await group.empty()
}

async function together(s) {
  const group = await Group.start(s, 'together')
  await Promise.all(['a', 'b', 'c'].map(name => group.join(name)))
  await group.settle('three at once', ['a', 'b', 'c'], [2, 2, 2])
  await group.finish()
  await Promise.all(['a', 'b', 'c'].map(name => group.leave(name)))
  await group.empty()
}

// The group's protocol must be one that every member offers.
async function commonAssignor(s) {
  const group = await Group.start(s, 'common')
  await group.join('a', { partitionAssigners: [range, PartitionAssigners.roundRobin] })
  await group.settle('one', ['a'], [6])
  await group.join('b', { partitionAssigners: [PartitionAssigners.roundRobin] })
  await group.settle('two with one assignor in common', ['a', 'b'], [3, 3])
  await group.finish()
  const retry = { retries: 0, restartOnFailure: async () => false }
  const stranger = await group.meet('c', { partitionAssigners: [range], retry })
  const crash = new Promise(resolve => stranger.consumer.on(stranger.consumer.events.CRASH, resolve))
  await group.run(stranger)
  const { payload } = await crash
  s.note('a member with no assignor in common', payload.error)
  s.note('is it restarted', String(payload.restart))
}

// A member that works on one record for longer than its session is taken out of the group and comes back.
async function silentMember(s) {
  const group = await Group.start(s, 'silent', { sessionTimeout: 6000, heartbeatInterval: 1000 })
  const quick = await group.join('quick')
  await group.settle('one', ['quick'], [6])
  const slow = await group.join('slow')
  await group.settle('two', ['quick', 'slow'], [3, 3])
  slow.slow = 11000
  await s.until('the quick one to own everything', async () => {
    await group.produce()
    await sleep(100)
    return quick.partitions.length === PARTITIONS
  })
  const { state, members } = await group.describe()
  s.note('without the silent member', { state, members: members.map(({ clientId }) => clientId) })
  slow.partitions = []
  await group.settle('the silent member is back', ['quick', 'slow'], [3, 3])
  await group.finish()
}

async function stopAndRun(s) {
  const group = await Group.start(s, 'stop')
  const { consumer } = await group.join('a')
  await group.settle('running', ['a'], [6])
  await consumer.stop()
  const { state } = await group.describe()
  s.note('stopped', state)
  const missed = await group.produce()
  const seen = []
  await consumer.run({
    eachMessage: async ({ message }) => {
      seen.push(message.key.toString())
    },
  })
  await s.until('what came meanwhile', () => missed.every(key => seen.includes(key)), () => seen.length)
  s.check('what came meanwhile, once', seen.sort(), [...missed].sort())
}

async function refused(s) {
  const topic = await s.topic('refused')
  const quick = { retries: 0, restartOnFailure: async () => false }
  for (const sessionTimeout of [100, 5999, 1800001]) {
    const consumer = await s.consumer({ groupId: `${topic}-${sessionTimeout}`, sessionTimeout, heartbeatInterval: 50, retry: quick })
    await consumer.subscribe({ topics: [topic] })
    const crash = new Promise(resolve => consumer.on(consumer.events.CRASH, resolve))
    await consumer.run({ eachMessage: async () => {} })
    s.note(`session timeout ${sessionTimeout}`, (await crash).payload.error)
  }
}

export const scenarios = {
  'group-two': two({}),
  'group-two-range': two({ partitionAssigners: [range] }),
  'group-three': three({}),
  'group-three-range': three({ partitionAssigners: [range] }),
  'group-together': together,
  'group-common-assignor': commonAssignor,
  'group-silent-member': silentMember,
  'group-stop-run': stopAndRun,
  'group-refused': refused,
}
