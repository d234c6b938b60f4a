// Committed offsets: who may commit, what is kept, and where the next member goes on.
import kafkajs from 'kafkajs'
import { T } from '../harness.js'

const { PartitionAssigners } = kafkajs

const numbered = count =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: `v${i}`, partition: i % 2, timestamp: String(T + i) }))

const order = offsets =>
  offsets.map(({ topic, partitions }) => ({ topic, partitions: [...partitions].sort((a, b) => a.partition - b.partition) }))

async function committed(s, groupId, topics) {
  const admin = await s.admin()
  return order(await admin.fetchOffsets({ groupId, topics }))
}

// Starts a consumer and gives it with the list that its records are added to.
async function consume(s, topic, options, run = {}) {
  const consumer = await s.consumer(options)
  const seen = []
  const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve))
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    ...run,
    eachMessage: async ({ partition, message }) => {
      seen.push(`${partition}:${message.offset}:${message.value}`)
    },
  })
  await joined
  return { consumer, seen }
}

async function resume(s) {
  const topic = await s.topic('records', 2)
  const groupId = `${topic}-group`
  await s.produce(topic, numbered(20))
  s.note('before any commit', await committed(s, groupId, [topic]))
  const first = await consume(s, topic, { groupId }, { autoCommit: false })
  await s.until('20 records', () => first.seen.length >= 20, () => first.seen)
  s.note('read without commit', await committed(s, groupId, [topic]))
  await first.consumer.commitOffsets([
    { topic, partition: 0, offset: '4', metadata: 'four — čtyři' },
    { topic, partition: 1, offset: '7' },
  ])
  s.note('committed', await committed(s, groupId, [topic]))
  await first.consumer.commitOffsets([{ topic, partition: 1, offset: '6', metadata: '' }])
  s.note('committed backwards', await committed(s, groupId, [topic]))
  s.note('all of the group', await committed(s, groupId))
  await first.consumer.disconnect()
  s.note('after it left', await committed(s, groupId, [topic]))

  const second = await consume(s, topic, { groupId })
  await s.until('10 records', () => second.seen.length >= 10, () => second.seen)
  const left = numbered(20).flatMap(({ value, partition }, i) => {
    const offset = Math.floor(i / 2)
    return offset >= [4, 6][partition] ? [`${partition}:${offset}:${value}`] : []
  })
  s.check('what is left', second.seen.sort(), left.sort())
  await s.until('the automatic commit', async () => {
    const [{ partitions }] = await committed(s, groupId, [topic])
    return partitions.every(({ offset }) => offset === '10')
  })
  s.note('committed automatically', await committed(s, groupId, [topic]))
}

async function threshold(s) {
  const topic = await s.topic('records')
  const groupId = `${topic}-group`
  await s.produce(topic, numbered(10).map(message => ({ ...message, partition: 0 })))
  const consumer = await s.consumer({ groupId })
  const commits = []
  consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
    commits.push(payload.topics.map(({ partitions }) => partitions.map(({ offset }) => offset)).join())
  })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommitThreshold: 4, eachMessage: async () => {} })
  await s.until('the last commit', () => commits.includes('10'), () => commits)
  s.check('commits', commits, ['4', '8', '10'])
}

async function byAdmin(s) {
  const topic = await s.topic('records', 2)
  const groupId = `${topic}-group`
  await s.produce(topic, numbered(20))
  const admin = await s.admin()
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '3' }, { partition: 1, offset: '9' }] })
  s.note('set', await committed(s, groupId, [topic]))
  await admin.resetOffsets({ groupId, topic, earliest: true })
  s.note('reset to the earliest', await committed(s, groupId, [topic]))
  s.note('resolved', order(await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true })))
  await admin.resetOffsets({ groupId, topic, earliest: false })
  s.note('reset to the latest', await committed(s, groupId, [topic]))
  s.note('resolved', order(await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true })))
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '8' }, { partition: 1, offset: '8' }] })
  const { consumer, seen } = await consume(s, topic, { groupId })
  await s.until('4 records', () => seen.length >= 4, () => seen)
  s.check('read after that', seen.sort(), ['0:8:v16', '0:9:v18', '1:8:v17', '1:9:v19'])
  await s.fails('set while a member runs', () => admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '0' }] }))
  s.note('the consumer describes its group', { state: (await consumer.describeGroup()).state })
}

// An assignor is given the cluster, through which a program can speak with the coordinator itself.
async function strangers(s) {
  const topic = await s.topic('records', 2)
  const groupId = `${topic}-group`
  await s.produce(topic, numbered(20))
  let cluster
  const spy = config => {
    cluster = config.cluster
    return PartitionAssigners.roundRobin(config)
  }
  const first = await consume(s, topic, { groupId, partitionAssigners: [spy] }, { autoCommit: false })
  await s.until('20 records', () => first.seen.length >= 20, () => first.seen)
  const { members } = await first.consumer.describeGroup()
  const [{ memberId }] = members
  const coordinator = await cluster.findGroupCoordinator({ groupId })
  const commit = (groupGenerationId, memberId, partition = 0, group = groupId) =>
    coordinator.offsetCommit({
      groupId: group,
      groupGenerationId,
      memberId,
      topics: [{ topic, partitions: [{ partition, offset: '5', metadata: 'direct' }] }],
    })
  await s.fails('by a stranger', () => commit(1, 'stranger'))
  await s.fails('by nobody while there are members', () => commit(-1, ''))
  await s.fails('with a generation of the future', () => commit(99, memberId))
  await s.fails('with a generation of the past', () => commit(0, memberId))
  await s.fails('to a partition that is not there', () => commit(1, memberId, 7))
  s.note('by the member', (await commit(1, memberId)).responses)
  s.note('to a group without members', (await commit(-1, '', 1, `${groupId}-standalone`)).responses)
  s.note('of the group', await committed(s, groupId, [topic]))
  s.note('of the group without members', await committed(s, `${groupId}-standalone`, [topic]))
  await s.fails('a heartbeat of a stranger', () => coordinator.heartbeat({ groupId, groupGenerationId: 1, memberId: 'stranger' }))
  await s.fails('a heartbeat of the past', () => coordinator.heartbeat({ groupId, groupGenerationId: 0, memberId }))
  await s.fails('a stranger leaves', () => coordinator.leaveGroup({ groupId, memberId: 'stranger' }))
  const syncs = () => coordinator.syncGroup({ groupId, generationId: 0, memberId, groupAssignment: [] })
  await s.fails('a sync of the past', syncs)
}

export const scenarios = {
  'commit-resume': resume,
  'commit-threshold': threshold,
  'commit-by-admin': byAdmin,
  'commit-refused': strangers,
}
