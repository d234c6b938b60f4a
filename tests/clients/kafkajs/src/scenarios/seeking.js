// Where a consumer starts: at offsets, at times, and when its offset is not there.
import kafkajs from 'kafkajs'
import { T } from '../harness.js'

const { CompressionTypes } = kafkajs

const numbered = (count, first = 0) =>
  Array.from({ length: count }, (_, i) => ({ key: `k${first + i}`, value: `v${first + i}`, timestamp: String(T + first + i) }))

// A consumer of one partition that seeks when told. KafkaJS drops what it fetched before a seek, so what comes after the
// call to `seek` is what the new position gave.
class Seeker {
  static async start(s, topic, suffix, fromBeginning, run = {}) {
    const seeker = new Seeker()
    seeker.scenario = s
    seeker.topic = topic
    seeker.seen = []
    seeker.listings = 0
    seeker.consumer = await s.consumer({ groupId: `${topic}-${suffix}`, maxWaitTimeInMs: 500 })
    seeker.consumer.on('consumer.network.request', ({ payload }) => {
      if (payload.apiName === 'ListOffsets') seeker.listings++
    })
    await seeker.consumer.subscribe({ topics: [topic], fromBeginning })
    await seeker.consumer.run({
      ...run,
      eachMessage: async ({ message }) => {
        seeker.seen.push({ offset: message.offset, value: message.value.toString() })
      },
    })
    return seeker
  }

  seek(offset) {
    this.seen = []
    this.listings = 0
    this.consumer.seek({ topic: this.topic, partition: 0, offset: String(offset) })
  }

  async expect(what, first, count) {
    const s = this.scenario
    await s.until(`${count} records ${what}`, () => this.seen.length >= count, () => this.seen.length)
    const expected = Array.from({ length: count }, (_, i) => ({ offset: String(first + i), value: `v${first + i}` }))
    s.check(what, this.seen.slice(0, count), expected)
  }

  // The offset at which a reset consumer goes on is fixed once the broker has told it the offsets.
  async reset() {
    await this.scenario.until('the offsets of the reset', () => this.listings > 0)
  }
}

async function seekOffset(s) {
  const topic = await s.topic('records')
  for (const first of [0, 10, 20]) await s.produce(topic, numbered(10, first))
  const seeker = await Seeker.start(s, topic, 'seeks', true)
  await seeker.expect('from the beginning', 0, 30)
  seeker.seek(15)
  await seeker.expect('from the middle of a batch', 15, 15)
  seeker.seek(20)
  await seeker.expect('from the first offset of a batch', 20, 10)
  seeker.seek(29)
  await seeker.expect('from the last', 29, 1)
  seeker.seek(0)
  await seeker.expect('from zero', 0, 30)
  seeker.seek(30)
  await s.produce(topic, numbered(1, 30))
  await seeker.expect('from the end', 30, 1)
}

async function seekManual(s) {
  const topic = await s.topic('records')
  await s.produce(topic, numbered(10))
  const seeker = await Seeker.start(s, topic, 'manual', true, { autoCommit: false })
  await seeker.expect('from the beginning', 0, 10)
  seeker.seek(4)
  await seeker.expect('from the middle', 4, 6)
  const admin = await s.admin()
  s.note('committed', await admin.fetchOffsets({ groupId: `${topic}-manual`, topics: [topic] }))
}

async function outOfRange(s) {
  const topic = await s.topic('records')
  await s.produce(topic, numbered(10))
  const earliest = await Seeker.start(s, topic, 'earliest', true)
  await earliest.expect('earliest before', 0, 10)
  earliest.seek(1000)
  await earliest.expect('earliest after an offset beyond the end', 0, 10)

  const latest = await Seeker.start(s, topic, 'latest', false)
  await latest.reset()
  latest.seek(5)
  await latest.expect('latest after a seek', 5, 5)
  latest.seek(1000)
  await latest.reset()
  await s.produce(topic, numbered(2, 10))
  await latest.expect('latest after an offset beyond the end', 10, 2)
}

async function startLatest(s) {
  const topic = await s.topic('records')
  await s.produce(topic, numbered(5))
  const latest = await Seeker.start(s, topic, 'latest', false)
  await latest.reset()
  await s.produce(topic, numbered(3, 5))
  await latest.expect('only what came later', 5, 3)
}

// Timestamps of each partition; a number of records in one array went out as one batch.
const TIMES = [
  [[0], [100], [200], [300]],
  [[0, 100, 200, 300, 400]],
  [[0, 100, 200], [300, 300, 300], [301]],
  [[500], [100], [300], [700], [600]],
  [],
]
const ASKED = [-1, 0, 1, 99, 100, 101, 150, 200, 250, 299, 300, 301, 350, 400, 401, 500, 501, 600, 650, 700, 701, 100000]

async function seekTime(s, compression = CompressionTypes.None) {
  const topic = await s.topic('times', TIMES.length)
  for (const [partition, batches] of TIMES.entries()) {
    for (const batch of batches) {
      const messages = batch.map(time => ({ value: `at ${time}`, partition, timestamp: String(T + time) }))
      await s.produce(topic, messages, { compression })
    }
  }
  const admin = await s.admin()
  const low = await admin.fetchTopicOffsets(topic)
  s.note('offsets', low.sort((a, b) => a.partition - b.partition).map(({ low, high }) => `${low} to ${high}`))
  for (const time of ASKED) {
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, T + time)
    const offsets = found.sort((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset))
    s.check(`first offsets at or after ${time}`, offsets, TIMES.map(batches => firstAtOrAfter(batches.flat(), time)))
  }
  await readFromTime(s, topic, 250)
}

// KafkaJS answers with the end of the partition where nothing is late enough.
function firstAtOrAfter(times, asked) {
  const index = times.findIndex(time => time >= asked)
  return index < 0 ? times.length : index
}

async function readFromTime(s, topic, time) {
  const admin = await s.admin()
  const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, T + time)
  const groupId = `${topic}-from-time`
  await admin.setOffsets({ groupId, topic, partitions: offsets })
  const consumer = await s.consumer({ groupId })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const seen = TIMES.map(() => [])
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      seen[partition].push(Number(message.timestamp) - T)
    },
  })
  const expected = TIMES.map(batches => batches.flat().slice(firstAtOrAfter(batches.flat(), time)))
  const count = expected.flat().length
  await s.until(`${count} records from a time on`, () => seen.flat().length >= count, () => seen)
  s.check(`times read from ${time} on`, seen, expected)
}

export const scenarios = {
  'seek-offset': seekOffset,
  'seek-manual': seekManual,
  'out-of-range': outOfRange,
  'start-latest': startLatest,
  'seek-time': seekTime,
  'seek-time-gzip': s => seekTime(s, CompressionTypes.GZIP),
  'seek-time-lz4': s => seekTime(s, CompressionTypes.LZ4),
}
