// Runs the scenarios twice, with the settings of an application and with KafkaJS's own defaults, against one broker.
import kafkajs from 'kafkajs'
import { installCodecs } from './codecs.js'
import { Scenario, succeeds } from './harness.js'
import { showError } from './show.js'
import * as admin from './scenarios/admin.js'
import * as commits from './scenarios/commits.js'
import * as consuming from './scenarios/consuming.js'
import * as groups from './scenarios/groups.js'
import * as producing from './scenarios/producing.js'
import * as seeking from './scenarios/seeking.js'

const SCENARIO_TIMEOUT_MS = 75000
const AT_ONCE = 6

const createPartitioner = kafkajs.Partitioners.DefaultPartitioner

const PROFILES = [
  {
    name: 'application',
    client: { connectionTimeout: 3000, requestTimeout: 30000, enforceRequestTimeout: false, ssl: false, sasl: false },
    consumer: {
      sessionTimeout: 30000,
      rebalanceTimeout: 60000,
      heartbeatInterval: 3000,
      maxWaitTimeInMs: 5000,
      minBytes: 1,
      maxBytes: 1048576,
    },
    producer: { createPartitioner },
  },
  // Naming the default partitioner is only what keeps KafkaJS from warning about it.
  { name: 'defaults', client: {}, consumer: {}, producer: { createPartitioner } },
]

// Scenarios that spend their time waiting run side by side from the start; busy ones a few at a time; those that measure
// time run when everything else has ended.
const WAITING = { ...groups.scenarios, ...commits.scenarios, ...seeking.scenarios }
const BUSY = { ...producing.scenarios, ...admin.scenarios, ...consuming.scenarios }
const TIMED = { ...consuming.timedScenarios }

function timeout(name) {
  return new Promise((_, reject) => {
    const error = new Error(`${name} did not end within ${SCENARIO_TIMEOUT_MS / 1000} seconds`)
    setTimeout(() => reject(error), SCENARIO_TIMEOUT_MS).unref()
  })
}

// A consumer leaves only when its last fetch has been answered, so clients are closed while the next scenarios run.
const closings = []

async function close(scenario) {
  try {
    await Promise.race([scenario.close(), timeout(`closing the clients of ${scenario.name}`)])
    return true
  } catch (error) {
    process.stderr.write(`${scenario.name}: FAILED when its clients were closed: ${showError(error)}\n`)
    return false
  }
}

async function runOne([name, body], profile, bootstrap) {
  const scenario = new Scenario(name, profile, bootstrap)
  const started = Date.now()
  try {
    await Promise.race([body(scenario), timeout(scenario.name)])
    scenario.note('outcome', 'passed')
    process.stderr.write(`${scenario.name}: passed after ${Date.now() - started} ms\n`)
    return { scenario, passed: true }
  } catch (error) {
    scenario.note('outcome', 'failed')
    process.stderr.write(`${scenario.name}: FAILED: ${showError(error)}\n${error.stack}\n`)
    return { scenario, passed: false }
  } finally {
    closings.push(close(scenario))
  }
}

async function inTurns(tasks, atOnce) {
  const results = new Array(tasks.length)
  let next = 0
  const worker = async () => {
    while (next < tasks.length) {
      const index = next++
      results[index] = await tasks[index]()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}

function tasks(scenarios, chosen, bootstrap) {
  return PROFILES.flatMap(profile =>
    Object.entries(scenarios)
      .filter(([name]) => chosen.length === 0 || chosen.includes(name))
      .map(entry => () => runOne(entry, profile, bootstrap))
  )
}

// The group coordinator of a fresh Apache Kafka is not there at once.
async function awaitCoordinator(bootstrap) {
  const scenario = new Scenario('start', PROFILES[0], bootstrap)
  const admin = await scenario.admin()
  await scenario.until('the group coordinator', () => succeeds(() => admin.fetchOffsets({ groupId: scenario.prefix })))
  await scenario.close()
}

async function main([bootstrap, ...chosen]) {
  const known = { ...WAITING, ...BUSY, ...TIMED }
  const unknown = chosen.filter(name => !known[name])
  if (!bootstrap || unknown.length > 0) {
    process.stderr.write(`usage: run BOOTSTRAP [SCENARIO...]; unknown: ${unknown}; known: ${Object.keys(known).join(' ')}\n`)
    return 2
  }
  await installCodecs()
  await awaitCoordinator(bootstrap)
  const waiting = tasks(WAITING, chosen, bootstrap)
  const results = await Promise.all([
    inTurns(tasks(BUSY, chosen, bootstrap), AT_ONCE),
    inTurns(waiting, Math.max(1, waiting.length)),
  ])
  results.push(await inTurns(tasks(TIMED, chosen, bootstrap), PROFILES.length))
  const all = results.flat()
  all.sort((a, b) => (a.scenario.name < b.scenario.name ? -1 : 1))
  for (const { scenario } of all) process.stdout.write(scenario.lines.join('\n') + '\n')
  const failed = all.filter(({ passed }) => !passed)
  process.stderr.write(`${all.length - failed.length} passed, ${failed.length} failed\n`)
  const closed = (await Promise.all(closings)).every(done => done)
  return failed.length === 0 && closed ? 0 : 1
}

// KafkaJS keeps timers of its own, so the process is told to end once stdout has been written.
const code = await main(process.argv.slice(2))
process.stdout.write('', () => process.exit(code))
