// What every scenario works with: clients that are closed at its end, checks, waiting, and its part of the transcript.
import { isDeepStrictEqual } from 'node:util'
import kafkajs from 'kafkajs'
import { headerPairs, show, showRecord } from './show.js'

const { Kafka, logLevel } = kafkajs

const POLL_MS = 20

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

// A time long ago, so that every timestamp in a transcript is the same in every run.
export const T = 1700000000000

const LOG_NAMES = { [logLevel.ERROR]: 'error', [logLevel.WARN]: 'warning' }

export class Scenario {
  constructor(name, profile, bootstrap) {
    this.name = `${profile.name}/${name}`
    this.prefix = `js-${profile.name}-${name}`
    this.profile = profile
    this.bootstrap = bootstrap
    this.lines = []
    this.open = []
    this.readers = 0
    this.kafka = this.client(this.prefix)
  }

  client(clientId, options = {}) {
    const log = level => ({ namespace, log: entry }) =>
      process.stderr.write(`${this.name}: KafkaJS ${LOG_NAMES[level] ?? level} ${namespace}: ${entry.message}\n`)
    return new Kafka({
      clientId,
      brokers: [this.bootstrap],
      logLevel: process.env.KAFKAJS_QUIET ? logLevel.NOTHING : logLevel.WARN,
      logCreator: log,
      ...this.profile.client,
      ...options,
    })
  }

  note(what, value) {
    this.lines.push(`${this.name}: ${what} = ${typeof value === 'string' ? value : show(value)}`)
  }

  // Notes a value that must be what the scenario expects.
  check(what, actual, expected) {
    if (!isDeepStrictEqual(actual, expected)) {
      throw new Error(`${what}: expected ${show(expected)} but saw ${show(actual)}`)
    }
    this.note(what, show(actual))
  }

  async fails(what, action) {
    let result
    try {
      result = await action()
    } catch (error) {
      this.note(what, show(error))
      return error
    }
    throw new Error(`${what}: expected an error but it succeeded with ${show(result)}`)
  }

  topicName(suffix) {
    return `${this.prefix}-${suffix}`
  }

  async topic(suffix, numPartitions = 1, config = {}) {
    const topic = this.topicName(suffix)
    const admin = await this.admin()
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] })
    await this.ready(topic)
    return topic
  }

  // A broker may answer CreateTopics before it knows of the topic itself. KafkaJS does not wait for that, and sends a whole
  // request again when one of its partitions is unknown, so a scenario starts when every partition has told its offsets.
  async ready(topic) {
    const admin = await this.admin()
    await this.until(`topic ${topic}`, async () => (await admin.listTopics()).includes(topic))
    await this.until(`every partition of ${topic}`, () => succeeds(() => admin.fetchTopicOffsets(topic)))
  }

  async connected(client) {
    this.open.push(client)
    await client.connect()
    return client
  }

  producer(options = {}) {
    return this.connected(this.kafka.producer({ ...this.profile.producer, ...options }))
  }

  // One administration client serves a whole scenario unless it asks for another with settings of its own.
  admin(options) {
    if (options) return this.connected(this.kafka.admin(options))
    this.sharedAdmin ??= this.connected(this.kafka.admin())
    return this.sharedAdmin
  }

  async consumer(options, kafka = this.kafka) {
    return this.connected(kafka.consumer({ ...this.profile.consumer, ...options }))
  }

  async produce(topic, messages, options = {}) {
    this.sharedProducer ??= this.producer()
    return (await this.sharedProducer).send({ topic, messages, ...options })
  }

  // Reads a topic from its beginning to its end with a group of its own; the records come sorted.
  async readAll(topic, options = {}) {
    const admin = await this.admin()
    const high = (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0)
    return this.read(topic, high, options)
  }

  async read(topic, count, { leave = false, ...options } = {}) {
    const consumer = await this.consumer({ groupId: `${topic}-reader-${this.readers++}`, ...options })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const records = []
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        records.push({ partition, ...message })
      },
    })
    await this.until(`${count} records of ${topic}`, () => records.length >= count, () => records.length)
    if (leave) await consumer.disconnect()
    return records.sort((a, b) => a.partition - b.partition || Number(a.offset) - Number(b.offset))
  }

  async until(what, condition, progress = () => 'nothing', timeout = 40000) {
    const deadline = Date.now() + timeout
    while (true) {
      const result = await condition()
      if (result) return result
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}; there was ${show(await progress())}`)
      await sleep(POLL_MS)
    }
  }

  // Compares records that came back with the messages that were sent, in the partition's order.
  sameRecords(records, messages, { notes = true } = {}) {
    if (records.length !== messages.length) {
      throw new Error(`expected ${messages.length} records but saw ${records.length}`)
    }
    records.forEach((record, index) => this.sameRecord(record, messages[index], index))
    if (notes) records.forEach(record => this.note(`partition ${record.partition}`, showRecord(record)))
  }

  sameRecord(record, message, index) {
    const seen = plain(record)
    const sent = plain(message)
    if (message.timestamp === undefined) sent.timestamp = seen.timestamp
    sent.offset = String(index)
    seen.offset = record.offset
    if (!isDeepStrictEqual(seen, sent)) throw new Error(`record ${index}: expected ${show(sent)} but saw ${show(seen)}`)
  }

  async close() {
    await Promise.all(this.open.map(client => client.disconnect()))
  }
}

const bytes = value => (value === null || value === undefined ? null : Buffer.from(value))

function plain({ key, value, headers, timestamp }) {
  return {
    key: bytes(key),
    value: bytes(value),
    headers: headerPairs(headers).map(([name, value]) => [name, bytes(value)]),
    timestamp,
  }
}

export async function succeeds(action) {
  try {
    await action()
    return true
  } catch {
    return false
  }
}

export const recent = timestamp => Math.abs(Date.now() - Number(timestamp)) < 120000

// The transcript of a produce answer: everything in it that is the same in every run.
export const produced = results =>
  [...results]
    .sort((a, b) => a.topicName.localeCompare(b.topicName) || a.partition - b.partition)
    .map(({ partition, errorCode, baseOffset, logAppendTime, logStartOffset }) => ({
      partition,
      errorCode,
      baseOffset,
      logAppendTime: logAppendTime === '-1' ? '-1' : recent(logAppendTime) ? 'recent' : logAppendTime,
      logStartOffset,
    }))

// A repeatable text of some length, compressible but not trivially so.
export function text(seed, length) {
  let state = seed + 1
  let out = ''
  while (out.length < length) {
    state = (state * 48271) % 2147483647
    out += state.toString(36).slice(0, 3) + ' the quick brown fox '.slice(0, state % 21)
  }
  return out.slice(0, length)
}
