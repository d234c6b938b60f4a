// Producing: what is sent comes back, in every encoding and with every kind of acknowledgement.
import kafkajs from 'kafkajs'
import { T, produced, recent, text } from '../harness.js'
import { show, showRecord } from '../show.js'

const { CompressionTypes } = kafkajs

const at = index => String(T + index)

const VARIED = [
  { key: 'k0', value: 'v0', timestamp: at(0) },
  { key: null, value: 'no key', timestamp: at(1) },
  { key: '', value: '', timestamp: at(2) },
  { key: 'gone', value: null, timestamp: at(3) },
  { key: 'clé', value: 'žluťoučký kůň 日本語 🦀', timestamp: at(4) },
  { key: Buffer.from([0, 255, 128, 10]), value: Buffer.from([255, 0, 1, 13, 10]), timestamp: at(5) },
  { key: 'one header', value: 'h', headers: { h: 'x' }, timestamp: at(6) },
  { key: 'headers', value: 'h', headers: { twice: ['a', 'b'], empty: '', bytes: Buffer.from([1, 254]) }, timestamp: at(7) },
  { key: 'header', value: null, headers: { 'naïve 名': 'ü' }, timestamp: at(8) },
  { key: 'earlier', value: 'a timestamp below that of the record before', timestamp: at(-1000) },
  { key: 'epoch', value: 'the first timestamp there is', timestamp: '0' },
]

async function roundTrip(s) {
  const topic = await s.topic('one')
  s.note('first answer', produced(await s.produce(topic, VARIED)))
  s.note('second answer', produced(await s.produce(topic, [{ key: 'k', value: 'second', timestamp: at(20) }])))
  const records = await s.readAll(topic)
  s.sameRecords(records, [...VARIED, { key: 'k', value: 'second', timestamp: at(20) }])
  for (const batch of new Set(records.map(({ batchContext }) => showBatch(batchContext)))) s.note('batch', batch)
  await createTime(s)
  await threePartitions(s)
}

function showBatch({ firstOffset, firstTimestamp, lastOffsetDelta, maxTimestamp, timestampType, ...rest }) {
  const { magicByte, partitionLeaderEpoch, inTransaction, isControlBatch, firstSequence } = rest
  return show({
    firstOffset,
    lastOffsetDelta,
    firstTimestamp,
    maxTimestamp,
    timestampType,
    magicByte,
    partitionLeaderEpoch,
    inTransaction,
    isControlBatch,
    firstSequence,
  })
}

async function createTime(s) {
  const topic = await s.topic('now')
  await s.produce(topic, [{ value: 'without a timestamp' }])
  const [{ timestamp, batchContext }] = await s.readAll(topic)
  s.check('create time is recent', recent(timestamp), true)
  s.check('timestamp type', batchContext.timestampType, 0)
}

async function threePartitions(s) {
  const topic = await s.topic('three', 3)
  const sent = Array.from({ length: 12 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, partition: (i * 2) % 3, timestamp: at(i) }))
  s.note('three partitions', produced(await s.produce(topic, sent)))
  const records = await s.readAll(topic)
  for (const partition of [0, 1, 2]) {
    const own = records.filter(record => record.partition === partition)
    s.sameRecords(own, sent.filter(message => message.partition === partition))
  }
}

// KafkaJS hashes keys as the Java client does, so a key must find its partition in whatever order metadata lists them.
async function keyed(s) {
  const topic = await s.topic('keys', 5)
  const sent = Array.from({ length: 20 }, (_, i) => ({ key: `key-${i}`, value: `value ${i}`, timestamp: at(i) }))
  s.note('answer', produced(await s.produce(topic, sent)))
  const records = await s.readAll(topic)
  for (const { key, value } of sent) {
    const found = records.filter(record => record.key.toString() === key)
    s.check(`records of ${key}`, found.map(record => record.value.toString()), [value])
    s.note(`partition of ${key}`, String(found[0].partition))
  }
}

async function severalTopics(s) {
  const topics = [await s.topic('a', 2), await s.topic('b')]
  const producer = await s.producer()
  const topicMessages = topics.map((topic, t) => ({
    topic,
    messages: [0, 1, 2].map(i => ({ key: `k${i}`, value: `topic ${t} value ${i}`, partition: t === 0 ? i % 2 : 0, timestamp: at(i) })),
  }))
  const results = await producer.sendBatch({ topicMessages })
  s.check('topics in the answer', [...new Set(results.map(({ topicName }) => topicName))].sort(), topics)
  for (const { topic, messages } of topicMessages) {
    s.note(`answer for ${topic}`, produced(results.filter(({ topicName }) => topicName === topic)))
    for (const partition of [0, 1]) {
      const own = (await s.readAll(topic)).filter(record => record.partition === partition)
      s.sameRecords(own, messages.filter(message => message.partition === partition))
    }
  }
}

const compression = type => async s => {
  const topic = await s.topic('records')
  const sent = Array.from({ length: 400 }, (_, i) => ({
    key: `key ${i}`,
    value: text(i, 100 + ((i * 37) % 3000)),
    headers: i % 10 === 0 ? { index: String(i) } : undefined,
    timestamp: at(i),
  }))
  for (let start = 0; start < sent.length; start += 80) {
    const results = await s.produce(topic, sent.slice(start, start + 80), { compression: type })
    s.note(`answer for batch at ${start}`, produced(results))
  }
  const records = await s.readAll(topic)
  s.sameRecords(records, sent, { notes: false })
  s.note('batches', String(new Set(records.map(({ batchContext }) => batchContext.firstOffset)).size))
  for (const index of [0, 79, 80, 399]) s.note(`record ${index}`, showRecord(records[index]))
}

const acks = level => async s => {
  const topic = await s.topic('records')
  const sent = Array.from({ length: 30 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, timestamp: at(i) }))
  for (const messages of [sent.slice(0, 10), sent.slice(10, 20), sent.slice(20)]) {
    s.note('answer', produced(await s.produce(topic, messages, { acks: level })))
  }
  // Nothing tells when records without acknowledgement have arrived, but reading them does.
  s.sameRecords(await s.read(topic, sent.length), sent, { notes: false })
  s.note('records', String(sent.length))
}

async function idempotent(s) {
  const topic = await s.topic('records', 2)
  const producer = await s.producer({ idempotent: true, maxInFlightRequests: 5 })
  const sent = Array.from({ length: 4000 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, partition: i % 2, timestamp: at(i) }))
  const sends = []
  for (let start = 0; start < sent.length; start += 100) {
    sends.push(producer.send({ topic, messages: sent.slice(start, start + 100) }))
  }
  const results = (await Promise.all(sends)).flat()
  const offsets = partition => results.filter(r => r.partition === partition).map(r => Number(r.baseOffset))
  const expected = Array.from({ length: 40 }, (_, i) => i * 50)
  for (const partition of [0, 1]) {
    s.check(`base offsets of partition ${partition}`, offsets(partition).sort((a, b) => a - b), expected)
  }
  const records = await s.readAll(topic)
  for (const partition of [0, 1]) {
    const own = records.filter(record => record.partition === partition)
    s.check(`offsets of partition ${partition} are the sequence`, own.every((r, i) => Number(r.offset) === i && sequence(r) === i), true)
    const values = new Map(own.map(record => [record.value.toString(), record.key.toString()]))
    const wanted = sent.filter(message => message.partition === partition)
    s.check(`values of partition ${partition}, each once`, values.size === own.length && wanted.every(m => values.get(m.value) === m.key), true)
  }
  s.check('producer epoch', [...new Set(records.map(({ batchContext }) => batchContext.producerEpoch))], [0])
  s.check('producers', new Set(records.map(({ batchContext }) => batchContext.producerId)).size, 1)
}

const sequence = ({ offset, batchContext }) => batchContext.firstSequence + Number(offset) - Number(batchContext.firstOffset)

// Two idempotent producers on one partition keep sequences apart, and a new one starts at zero.
async function idempotentTwo(s) {
  const topic = await s.topic('records')
  const names = ['first', 'second', 'third']
  const producers = await Promise.all(names.map(() => s.producer({ idempotent: true, maxInFlightRequests: 1 })))
  const sent = []
  for (let round = 0; round < 3; round++) {
    for (const [index, name] of names.entries()) {
      const message = { key: name, value: `round ${round}`, timestamp: at(sent.length) }
      sent.push(message)
      s.note(`${name} in round ${round}`, produced(await producers[index].send({ topic, messages: [message] })))
    }
  }
  const records = await s.readAll(topic)
  s.sameRecords(records, sent)
  s.note('sequences', records.map(sequence))
  s.check('producers', new Set(records.map(({ batchContext }) => batchContext.producerId)).size, 3)
}

// message.max.bytes is 1048588 and counts the whole batch, of which 72 bytes surround a value of this size.
const LARGEST_VALUE = 1048588 - 72

async function big(s) {
  const topic = await s.topic('records')
  const sent = [1000000, LARGEST_VALUE].map((length, i) => ({ value: text(i, length), timestamp: at(i) }))
  for (const message of sent) s.note('answer', produced(await s.produce(topic, [message])))
  await s.fails('one byte more', () => s.produce(topic, [{ value: text(2, LARGEST_VALUE + 1), timestamp: at(2) }]))
  await s.fails('two MB', () => s.produce(topic, [{ value: text(3, 2000000), timestamp: at(3) }]))
  const zipped = { value: 'z'.repeat(2000000), timestamp: at(4) }
  const answer = await s.produce(topic, [zipped], { compression: CompressionTypes.GZIP })
  s.note('two MB that compress well', produced(answer))
  s.sameRecords(await s.readAll(topic), [...sent, zipped])
  const small = await s.topic('small', 1, { 'max.message.bytes': '1000' })
  await s.fails('above the limit of the topic', () => s.produce(small, [{ value: text(5, 1000) }]))
  s.note('below the limit of the topic', produced(await s.produce(small, [{ value: text(6, 800) }])))
}

async function logAppendTime(s) {
  const topic = await s.topic('records', 1, { 'message.timestamp.type': 'LogAppendTime' })
  s.note('answer', produced(await s.produce(topic, [{ value: 'a', timestamp: at(0) }, { value: 'b', timestamp: at(9) }])))
  const records = await s.readAll(topic)
  s.check('values', records.map(({ value }) => value.toString()), ['a', 'b'])
  s.check('timestamp type', records.map(({ batchContext }) => batchContext.timestampType), [1, 1])
  s.check('batch time is recent', records.map(({ batchContext }) => recent(batchContext.maxTimestamp)), [true, true])
  s.check('record time is recent', records.map(({ timestamp }) => recent(timestamp)), [true, true])
}

async function refused(s) {
  const topic = await s.topic('plain')
  const compacted = await s.topic('compacted', 1, { 'cleanup.policy': 'compact' })
  const tomorrow = String(Date.now() + 24 * 3600 * 1000)
  await s.fails('a timestamp in the future', () => s.produce(topic, [{ value: 'x', timestamp: tomorrow }]))
  await s.fails('no key for a compacted topic', () => s.produce(compacted, [{ value: 'x' }]))
  s.note('a key for a compacted topic', produced(await s.produce(compacted, [{ key: 'k', value: 'x' }])))
  const single = await s.producer({ retry: { retries: 0 } })
  await s.fails('a bad topic name', () => single.send({ topic: 'no spaces', messages: [{ value: 'x' }] }))
  s.check('records', (await s.readAll(topic)).length, 0)
}

export const scenarios = {
  'round-trip': roundTrip,
  keyed,
  'several-topics': severalTopics,
  'compression-none': compression(CompressionTypes.None),
  'compression-gzip': compression(CompressionTypes.GZIP),
  'compression-snappy': compression(CompressionTypes.Snappy),
  'compression-lz4': compression(CompressionTypes.LZ4),
  'compression-zstd': compression(CompressionTypes.ZSTD),
  'acks-0': acks(0),
  'acks-1': acks(1),
  'acks-all': acks(-1),
  idempotent,
  'idempotent-three': idempotentTwo,
  big,
  'log-append-time': logAppendTime,
  'produce-refused': refused,
}
