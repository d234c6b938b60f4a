// Consuming: waiting, batches, pauses, errors of the handler, and the other things that programs with KafkaJS do every day.
import { T, sleep, text } from '../harness.js'

const numbered = (count, length = 0) =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: `v${i}${text(i, length)}`, timestamp: String(T + i) }))

async function started(s, topics, options, run) {
  const consumer = await s.consumer(options)
  const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve))
  await consumer.subscribe({ topics, fromBeginning: true })
  await consumer.run(run)
  await joined
  return consumer
}

async function longPoll(s) {
  const topic = await s.topic('records')
  const arrivals = []
  const consumer = await started(s, [topic], { groupId: `${topic}-group`, maxWaitTimeInMs: 5000 }, {
    eachMessage: async ({ message }) => {
      arrivals.push({ value: message.value.toString(), when: Date.now() })
    },
  })
  let fetches = 0
  consumer.on(consumer.events.FETCH_START, () => fetches++)
  const producer = await s.producer()
  // The first record only warms the path up.
  for (const round of [0, 1, 2, 3, 4]) {
    await s.until('the consumer to wait', () => fetches > 0)
    await sleep(300)
    fetches = 0
    const sent = Date.now()
    await producer.send({ topic, messages: [{ value: `v${round}` }] })
    await s.until('the record', () => arrivals.length > round)
    const took = arrivals[round].when - sent
    if (round > 0 && took >= 400) throw new Error(`a waiting consumer saw a record only after ${took} ms`)
    s.note(`record ${round} seen at once`, arrivals[round].value)
  }
}

async function emptyPoll(s) {
  const topic = await s.topic('records')
  const durations = []
  const consumer = await s.consumer({ groupId: `${topic}-group`, maxWaitTimeInMs: 1000 })
  consumer.on(consumer.events.FETCH, ({ payload }) => durations.push(payload.duration))
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async () => {} })
  await s.until('three fetches', () => durations.length >= 3, () => durations)
  // The first fetch also looks its offsets up.
  const rest = durations.slice(1, 3)
  if (!rest.every(ms => ms >= 990 && ms < 1500)) throw new Error(`an empty fetch of 1000 ms took ${rest} ms`)
  s.note('an empty fetch ends when its wait is over', 'true')
}

async function minBytes(s) {
  const topic = await s.topic('records')
  const batches = []
  await started(s, [topic], { groupId: `${topic}-group`, minBytes: 5000, maxWaitTimeInMs: 6000 }, {
    eachBatch: async ({ batch }) => {
      batches.push(batch.messages.map(({ value }) => value.toString()))
    },
  })
  await sleep(300)
  await s.produce(topic, [{ value: 'little' }])
  await sleep(700)
  s.check('while there are too few bytes', batches, [])
  const sent = Date.now()
  const rest = text(1, 6000)
  await s.produce(topic, [{ value: rest }])
  await s.until('both', () => batches.flat().length >= 2, () => batches.length)
  if (Date.now() - sent > 1000) throw new Error(`enough bytes were there but the fetch went on for ${Date.now() - sent} ms`)
  s.check('once there are enough', batches, [['little', rest]])
}

async function eachBatch(s) {
  const topic = await s.topic('records', 2)
  const groupId = `${topic}-group`
  const sent = numbered(40).map((message, i) => ({ ...message, partition: i % 2 }))
  await s.produce(topic, sent)
  const batches = []
  const consumer = await started(s, [topic], { groupId }, {
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 2,
    eachBatch: async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, uncommittedOffsets }) => {
      if (batches.some(({ partition }) => partition === batch.partition)) return
      const half = batch.messages.slice(0, 10)
      for (const { offset } of half) resolveOffset(offset)
      const mine = uncommittedOffsets().topics[0].partitions.find(({ partition }) => Number(partition) === batch.partition)
      batches.push({
        partition: batch.partition,
        first: batch.firstOffset(),
        last: batch.lastOffset(),
        highWatermark: batch.highWatermark,
        lag: batch.offsetLag(),
        lagLow: batch.offsetLagLow(),
        uncommitted: mine.offset,
        values: half.map(({ value }) => value.toString()).join(),
      })
      await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition: batch.partition, offset: '10' }] }] })
      await heartbeat()
      consumer.pause([{ topic, partitions: [batch.partition] }])
    },
  })
  await s.until('both partitions', () => batches.length >= 2, () => batches)
  for (const batch of batches.sort((a, b) => a.partition - b.partition)) s.note('batch', batch)
  const admin = await s.admin()
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
  s.note('committed', partitions.sort((a, b) => a.partition - b.partition))
}

// A reader of small fetches gets everything all the same, in order, batches larger than the limit included.
async function smallFetches(s) {
  const topic = await s.topic('records', 3)
  const sent = numbered(60, 3000).map((message, i) => ({ ...message, partition: i % 3 }))
  for (let start = 0; start < sent.length; start += 6) await s.produce(topic, sent.slice(start, start + 6))
  for (const limits of [{ maxBytes: 1 }, { maxBytesPerPartition: 1 }, { maxBytes: 8000, maxBytesPerPartition: 4000 }]) {
    const records = await s.readAll(topic, limits)
    for (const partition of [0, 1, 2]) {
      s.sameRecords(
        records.filter(record => record.partition === partition),
        sent.filter(message => message.partition === partition),
        { notes: false }
      )
    }
    s.note(`records with ${JSON.stringify(limits)}`, String(records.length))
  }
}

async function pauseResume(s) {
  const topic = await s.topic('records', 2)
  const seen = []
  const consumer = await started(s, [topic], { groupId: `${topic}-group`, maxWaitTimeInMs: 300 }, {
    eachMessage: async ({ partition, message }) => {
      seen.push(`${partition}:${message.value}`)
    },
  })
  const wave = name => s.produce(topic, [0, 1].map(partition => ({ partition, value: name })))
  await wave('before')
  await s.until('both', () => seen.length >= 2, () => seen)
  consumer.pause([{ topic, partitions: [1] }])
  s.note('paused', consumer.paused())
  await wave('while paused')
  await s.until('the other partition', () => seen.includes('0:while paused'), () => seen)
  await sleep(500)
  s.check('the paused one is silent', seen.includes('1:while paused'), false)
  consumer.resume([{ topic, partitions: [1] }])
  await s.until('the resumed one', () => seen.includes('1:while paused'), () => seen)
  s.check('all', seen.sort(), ['0:before', '0:while paused', '1:before', '1:while paused'])
}

// A handler that throws sees the same record again, and what follows it only later.
async function handlerThrows(s) {
  const topic = await s.topic('records')
  await s.produce(topic, numbered(6))
  const seen = []
  const retry = { initialRetryTime: 100, retries: 5 }
  await started(s, [topic], { groupId: `${topic}-group`, retry }, {
    eachMessage: async ({ message }) => {
      seen.push(message.value.toString())
      if (seen.length === 3 || seen.length === 4) throw new Error('the handler does not like it yet')
    },
  })
  await s.until('the last record', () => seen.includes('v5'), () => seen)
  s.check('seen', seen, ['v0', 'v1', 'v2', 'v2', 'v2', 'v3', 'v4', 'v5'])
}

async function severalTopics(s) {
  const topics = [await s.topic('x-one'), await s.topic('x-two', 2), await s.topic('y')]
  for (const topic of topics) await s.produce(topic, [{ value: `in ${topic}`, partition: 0 }])
  const seen = []
  const options = { groupId: `${topics[0]}-pattern` }
  await started(s, [new RegExp(`^${s.prefix}-x-`)], options, {
    eachMessage: async ({ topic, message }) => {
      seen.push(`${topic}: ${message.value}`)
    },
  })
  await s.until('two records', () => seen.length >= 2, () => seen)
  s.check('by pattern', seen.sort(), topics.slice(0, 2).map(topic => `${topic}: in ${topic}`))
  const all = []
  await started(s, topics, { groupId: `${topics[0]}-list` }, {
    eachMessage: async ({ topic, message }) => {
      all.push(`${topic}: ${message.value}`)
    },
  })
  await s.until('three records', () => all.length >= 3, () => all)
  s.check('by list', all.sort(), topics.map(topic => `${topic}: in ${topic}`))
}

// Partitions are read far behind and right at the end at once: a full one must not keep the others waiting.
async function manyPartitions(s) {
  const topic = await s.topic('records', 50)
  const sent = numbered(500, 300).map((message, i) => ({ ...message, partition: i % 50 }))
  await s.produce(topic, sent)
  const records = await s.readAll(topic, { maxBytes: 20000 })
  for (let partition = 0; partition < 50; partition++) {
    s.sameRecords(
      records.filter(record => record.partition === partition),
      sent.filter(message => message.partition === partition),
      { notes: false }
    )
  }
  s.note('records', String(records.length))
}

export const scenarios = {
  'each-batch': eachBatch,
  'small-fetches': smallFetches,
  'pause-resume': pauseResume,
  'handler-throws': handlerThrows,
  'subscribe-several': severalTopics,
  'many-partitions': manyPartitions,
}

export const timedScenarios = {
  'long-poll': longPoll,
  'long-poll-empty': emptyPoll,
  'long-poll-min-bytes': minBytes,
}
