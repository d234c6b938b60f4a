// How values look in the transcript.
import { createHash } from 'node:crypto'

const LONGEST_SHOWN = 60

export function show(value) {
  if (value === null || value === undefined) return 'null'
  if (Buffer.isBuffer(value)) return showBytes(value)
  if (typeof value === 'string') return showString(value)
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (value instanceof Error) return showError(value)
  if (typeof value === 'object') return showObject(value)
  return String(value)
}

function showObject(object) {
  return `{${Object.entries(object)
    .map(([name, value]) => `${name}: ${show(value)}`)
    .join(', ')}}`
}

function showString(string) {
  return string.length <= LONGEST_SHOWN ? JSON.stringify(string) : digest(Buffer.from(string))
}

function showBytes(bytes) {
  if (bytes.length > LONGEST_SHOWN) return digest(bytes)
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? JSON.stringify(text) : `0x${bytes.toString('hex')}`
}

function digest(bytes) {
  return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`
}

// KafkaJS wraps the broker's error when it has given up retrying; the code in the middle is what the broker said.
export function showError(error) {
  if (Array.isArray(error.errors)) {
    return `${error.name} of ${error.errors.map(inner => `${show(inner.topic)} ${showError(inner)}`).join(', ')}`
  }
  const type = error.type ? ` ${error.type}` : ''
  const cause = error.cause && error.cause !== error ? ` caused by ${showError(error.cause)}` : ''
  return `${error.name}${type} ${JSON.stringify(error.message)}${cause}`
}

export function showRecord({ offset, key, value, headers, timestamp }) {
  return `offset ${offset} key ${show(key)} value ${show(value)} headers ${show(headerPairs(headers))} timestamp ${timestamp}`
}

// KafkaJS gathers headers of one name in an array; the transcript lists every header.
export function headerPairs(headers) {
  return Object.entries(headers ?? {}).flatMap(([name, value]) => [value].flat().map(one => [name, one]))
}
