// Administration: topics created, listed, described and deleted; groups and the cluster described.
import kafkajs from 'kafkajs'
import { T, produced, succeeds } from '../harness.js'

const { ConfigResourceTypes } = kafkajs

const byPartition = partitions => [...partitions].sort((a, b) => a.partitionId - b.partitionId)

// Node ids are the broker's choice, so they are told by whether they name the one broker.
async function describeTopics(s, topics) {
  const admin = await s.admin()
  const { brokers } = await admin.describeCluster()
  const node = id => (id === brokers[0].nodeId ? 'the broker' : String(id))
  const metadata = await admin.fetchTopicMetadata({ topics })
  for (const { name, partitions } of metadata.topics.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const { partitionErrorCode, partitionId, leader, replicas, isr, offlineReplicas } of byPartition(partitions)) {
      s.note(`partition ${partitionId} of ${name}`, {
        partitionErrorCode,
        leader: node(leader),
        replicas: replicas.map(node),
        isr: isr.map(node),
        offlineReplicas,
      })
    }
  }
}

// KafkaJS's own wait for leaders gives up when the broker does not know yet of what it has created.
const unawaited = { waitForLeaders: false }

async function createTopics(s) {
  const admin = await s.admin()
  const [one, three, configured, tried] = ['one', 'three', 'configured', 'tried'].map(name => s.topicName(name))
  s.check('create one', await admin.createTopics({ ...unawaited, topics: [{ topic: one }] }), true)
  const two = [
    { topic: three, numPartitions: 3, replicationFactor: 1 },
    { topic: configured, numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '123456' }] },
  ]
  s.check('create two', await admin.createTopics({ ...unawaited, topics: two }), true)
  s.check('create again', await admin.createTopics({ ...unawaited, topics: [{ topic: one }] }), false)
  const trial = { ...unawaited, validateOnly: true }
  s.check('only try', await admin.createTopics({ ...trial, topics: [{ topic: tried, numPartitions: 4 }] }), true)
  s.check('only try one that exists', await admin.createTopics({ ...trial, topics: [{ topic: one }] }), false)
  for (const topic of [one, three, configured]) await s.ready(topic)
  const own = (await admin.listTopics()).filter(topic => topic.startsWith(`${s.prefix}-`)).sort()
  s.check('list', own, [configured, one, three])
  await describeTopics(s, [one, three, configured])
}

const BAD_TOPICS = [
  ['a space', { topic: 'bad name' }],
  ['an empty name', { topic: '' }],
  ['a dot', { topic: '.' }],
  ['two dots', { topic: '..' }],
  ['a name of 250 characters', { topic: 'n'.repeat(250) }],
  ['a slash', { topic: 'a/b' }],
  ['no ASCII', { topic: 'téma' }],
  ['zero partitions', { topic: 'js-bad', numPartitions: 0 }],
  ['minus two partitions', { topic: 'js-bad', numPartitions: -2 }],
  ['two replicas', { topic: 'js-bad', replicationFactor: 2 }],
  ['no replica', { topic: 'js-bad', replicationFactor: 0 }],
  ['an unknown configuration', { topic: 'js-bad', configEntries: [{ name: 'no.such.thing', value: '1' }] }],
  ['a bad configuration value', { topic: 'js-bad', configEntries: [{ name: 'retention.ms', value: 'long' }] }],
  ['a bad cleanup policy', { topic: 'js-bad', configEntries: [{ name: 'cleanup.policy', value: 'sometimes' }] }],
  ['a replica on an unknown broker', { topic: 'js-bad', numPartitions: -1, replicationFactor: -1, replicaAssignment: [{ partition: 0, replicas: [99] }] }],
]

async function refusedTopics(s) {
  const admin = await s.admin()
  const { brokers } = await admin.describeCluster()
  for (const [what, topic] of BAD_TOPICS) {
    await s.fails(what, () => admin.createTopics({ ...unawaited, topics: [topic] }))
    await s.fails(`only trying ${what}`, () => admin.createTopics({ ...unawaited, topics: [topic], validateOnly: true }))
  }
  const good = s.topicName('good')
  const mixed = [{ topic: good }, { topic: 'bad name' }]
  await s.fails('one good and one bad', () => admin.createTopics({ ...unawaited, topics: mixed }))
  await s.ready(good)
  s.check('a bad one exists', (await admin.listTopics()).includes('js-bad'), false)
  const assigned = s.topicName('assigned')
  const replicaAssignment = [0, 1].map(partition => ({ partition, replicas: [brokers[0].nodeId] }))
  const topic = { topic: assigned, numPartitions: -1, replicationFactor: -1, replicaAssignment }
  s.check('assigned by hand', await admin.createTopics({ ...unawaited, topics: [topic] }), true)
  await s.ready(assigned)
  await describeTopics(s, [assigned])
  const longest = `${s.prefix}-`.padEnd(249, 'x')
  s.check('a name of 249 characters', await admin.createTopics({ ...unawaited, topics: [{ topic: longest }] }), true)
  await s.ready(longest)
  s.note('a record in it', produced(await s.produce(longest, [{ value: 'v' }])))
}

async function describeCluster(s) {
  const admin = await s.admin()
  const { brokers, controller, clusterId } = await admin.describeCluster()
  s.check('brokers', brokers.length, 1)
  const [host, port] = s.bootstrap.split(':')
  s.check('the broker is where it was reached', brokers[0].host === host && brokers[0].port === Number(port), true)
  s.check('the controller is the broker', controller === brokers[0].nodeId, true)
  s.check('a cluster id', typeof clusterId === 'string' && clusterId.length > 0, true)
}

const SET = { 'cleanup.policy': 'compact', 'retention.ms': '86400000', 'max.message.bytes': '2000000', 'compression.type': 'producer' }
const DEFAULTS = [
  'delete.retention.ms',
  'message.timestamp.type',
  'min.insync.replicas',
  'retention.bytes',
  'segment.bytes',
  'segment.ms',
  'unclean.leader.election.enable',
]

async function describeConfigs(s) {
  const topic = await s.topic('configured', 1, SET)
  const admin = await s.admin()
  const ask = (configNames, includeSynonyms, name = topic) =>
    admin.describeConfigs({ includeSynonyms, resources: [{ type: ConfigResourceTypes.TOPIC, name, configNames }] })
  const names = [...Object.keys(SET), ...DEFAULTS]
  const { resources } = await ask(names, true)
  const { errorCode, errorMessage, resourceName, resourceType, configEntries } = resources[0]
  s.note('resource', { errorCode, errorMessage, resourceName, resourceType, entries: configEntries.length })
  for (const entry of sortedEntries(configEntries)) s.note(entry.configName, entry)
  for (const [name, value] of Object.entries(SET)) {
    s.check(`value of ${name}`, configEntries.find(({ configName }) => configName === name).configValue, value)
  }
  const plain = (await ask(['retention.ms', 'no.such.thing'], false)).resources[0].configEntries
  s.note('one name that is there and one that is not', plain)
  const all = (await ask(undefined, false)).resources[0].configEntries.map(({ configName }) => configName)
  s.check('all have these among them', names.filter(name => !all.includes(name)), [])
  await s.fails('of an unknown topic', () => ask(['retention.ms'], false, s.topicName('unknown')))
  await brokerConfigs(s)
}

const sortedEntries = entries => [...entries].sort((a, b) => (a.configName < b.configName ? -1 : 1))

const BROKER_CONFIGS = ['auto.create.topics.enable', 'default.replication.factor', 'message.max.bytes', 'num.partitions']

async function brokerConfigs(s) {
  const admin = await s.admin()
  const { brokers } = await admin.describeCluster()
  const resource = { type: ConfigResourceTypes.BROKER, name: String(brokers[0].nodeId), configNames: BROKER_CONFIGS }
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] })
  for (const { configName, configValue } of sortedEntries(resources[0].configEntries)) s.note(`broker's ${configName}`, configValue)
}

async function deleteTopics(s) {
  const topic = await s.topic('records', 2)
  const admin = await s.admin()
  const impatient = await s.admin({ retry: { retries: 0 } })
  s.note('before', produced(await s.produce(topic, [0, 1].map(partition => ({ partition, value: 'old' })))))
  await admin.deleteTopics({ topics: [topic] })
  await s.until('the topic to be gone', async () => !(await admin.listTopics()).includes(topic))
  await s.fails('describe after deletion', () => impatient.fetchTopicMetadata({ topics: [topic] }))
  await s.fails('delete again', () => impatient.deleteTopics({ topics: [topic] }))
  await s.fails('delete an unknown one', () => impatient.deleteTopics({ topics: [s.topicName('unknown')] }))
}

async function recreate(s) {
  const topic = await s.topic('records', 2)
  const admin = await s.admin()
  for (const round of [0, 1, 2]) {
    const messages = [0, 1].flatMap(partition => [0, 1, 2].map(i => ({ partition, value: `round ${round} value ${i}`, timestamp: String(T + i) })))
    const producer = await s.producer()
    s.note(`produced in round ${round}`, produced(await producer.send({ topic, messages })))
    // A reader that stays would create the topic itself.
    const records = await s.readAll(topic, { leave: true, maxWaitTimeInMs: 100 })
    for (const partition of [0, 1]) {
      s.sameRecords(records.filter(r => r.partition === partition), messages.filter(m => m.partition === partition))
    }
    await admin.deleteTopics({ topics: [topic] })
    s.check('create at once', await admin.createTopics({ ...unawaited, topics: [{ topic, numPartitions: 2 }] }), true)
    await s.until('an empty topic', () => isEmpty(admin, topic))
    s.note('it is empty', 'true')
  }
}

// For a moment after its answer, Apache Kafka may still speak of the topic that was deleted.
async function isEmpty(admin, topic) {
  let offsets
  const known = await succeeds(async () => {
    offsets = await admin.fetchTopicOffsets(topic)
  })
  return known && offsets.length === 2 && offsets.every(({ low, high }) => low === '0' && high === '0')
}

async function groups(s) {
  const topic = await s.topic('records')
  await s.produce(topic, [{ value: 'v' }])
  const groupId = `${topic}-group`
  const admin = await s.admin()
  const listed = async () => (await admin.listGroups()).groups.filter(group => group.groupId === groupId)
  s.note('before', await listed())
  const unknown = (await admin.describeGroups([groupId])).groups
  s.note('described before', unknown)
  s.note('offsets before', await admin.fetchOffsets({ groupId, topics: [topic] }))
  s.note('all offsets before', await admin.fetchOffsets({ groupId }))
  const consumer = await s.consumer({ groupId })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  let seen = 0
  await consumer.run({ eachMessage: async () => void seen++ })
  await s.until('the record', () => seen > 0)
  s.note('listed', await listed())
  await consumer.disconnect()
  s.note('listed when it is empty', await listed())
  const [{ state, protocol, protocolType, members, errorCode }] = (await admin.describeGroups([groupId])).groups
  s.note('described when it is empty', { errorCode, state, protocolType, protocol, members })
  s.note('offsets', await admin.fetchOffsets({ groupId }))
}

async function autoCreate(s) {
  const producer = await s.producer()
  const produced0 = s.topicName('produced')
  s.note('produce', produced(await producer.send({ topic: produced0, messages: [{ key: 'k', value: 'v', timestamp: String(T) }] })))
  s.sameRecords(await s.readAll(produced0), [{ key: 'k', value: 'v', timestamp: String(T) }])
  await describeTopics(s, [produced0])

  const consumed = s.topicName('consumed')
  const consumer = await s.consumer({ groupId: `${consumed}-group` })
  const seen = []
  // Apache Kafka creates the topic but may answer first that it is unknown, which KafkaJS does not try again.
  await s.until('a subscription', () => succeeds(() => consumer.subscribe({ topics: [consumed], fromBeginning: true })))
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(message.value.toString()) })
  await producer.send({ topic: consumed, messages: [{ value: 'after the subscription' }] })
  await s.until('the record', () => seen.length > 0)
  s.check('consumed', seen, ['after the subscription'])
  await autoCreateRefused(s)
}

async function autoCreateRefused(s) {
  const admin = await s.admin()
  const impatient = await s.admin({ retry: { retries: 0 } })
  const retry = { retries: 0, restartOnFailure: async () => false }
  const topic = s.topicName('refused')
  const producer = await s.producer({ allowAutoTopicCreation: false, retry })
  await s.fails('a producer that may not create', () => producer.send({ topic, messages: [{ value: 'v' }] }))
  const consumer = await s.consumer({ groupId: `${topic}-group`, allowAutoTopicCreation: false, retry })
  await s.fails('a consumer that may not create', () => consumer.subscribe({ topics: [topic], fromBeginning: true }))
  await s.fails('metadata', () => impatient.fetchTopicMetadata({ topics: [topic] }))
  await s.fails('offsets', () => impatient.fetchTopicOffsets(topic))
  s.check('it was not created', (await admin.listTopics()).includes(topic), false)
}

// The versions that KafkaJS takes out of those that the broker offers.
async function versions(s) {
  const used = new Set()
  const watched = client => {
    client.on(client.events.REQUEST, ({ payload: { apiKey, apiName, apiVersion } }) => {
      used.add(`${String(apiKey).padStart(2, '0')} ${apiName} v${apiVersion}`)
    })
    return s.connected(client)
  }
  const topic = await s.topic('records')
  const groupId = `${topic}-group`
  const admin = await watched(s.kafka.admin())
  const other = s.topicName('other')
  await admin.createTopics({ ...unawaited, topics: [{ topic: other }] })
  await s.ready(other)
  await admin.deleteTopics({ topics: [other] })
  await admin.describeConfigs({ includeSynonyms: true, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }] })
  await admin.listGroups()
  await admin.fetchTopicOffsets(topic)
  const producer = await watched(s.kafka.producer({ ...s.profile.producer, idempotent: true }))
  await producer.send({ topic, messages: [{ value: 'v' }] })
  const consumer = await watched(s.kafka.consumer({ groupId, heartbeatInterval: 1, maxWaitTimeInMs: 100 }))
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async () => {} })
  const sent = name => [...used].some(request => request.includes(name))
  await s.until('a heartbeat and a commit', () => sent('Heartbeat') && sent('OffsetCommit'), () => [...used])
  await admin.describeGroups([groupId])
  await admin.fetchOffsets({ groupId })
  await consumer.stop()
  for (const request of [...used].sort()) s.note('request', request)
}

export const scenarios = {
  'admin-create': createTopics,
  'admin-create-refused': refusedTopics,
  'admin-cluster': describeCluster,
  'admin-configs': describeConfigs,
  'admin-delete': deleteTopics,
  'admin-recreate': recreate,
  'admin-groups': groups,
  'auto-create': autoCreate,
  versions,
}
