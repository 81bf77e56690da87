import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import {
  eventProblem,
  readHttp,
  readJson,
  structuredType,
  toHttpBinary,
  toJson,
  type CloudEvent,
  type EventData,
} from '../../src/functions/payload/cloud-event.ts'

const noText = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u
const text = (minLength: number) =>
  fc.string({ unit: 'binary', minLength, maxLength: 20 }).filter(value => !noText.test(value))
const uriCharacter = fc.constantFrom('a', 'Z', '0', ...'-._~!$&()*+,;=/?@'.split(''), '%20', '%e2')
const path = fc.array(uriCharacter, { maxLength: 20 }).map(parts => `/${parts.join('')}`)
const name = fc
  .stringMatching(/^[a-z0-9]{1,20}$/)
  .filter(
    value => !['specversion', 'id', 'source', 'type', 'subject', 'time', 'data'].includes(value),
  )
  .filter(value => value !== 'datacontenttype' && value !== 'dataschema')
const scalar = fc.oneof(
  text(0),
  fc.boolean(),
  fc.integer().map(value => value | 0),
)
const time = fc
  .date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T00:00:00Z'),
    noInvalidDate: true,
  })
  .map(date => date.toISOString())
const jsonValue = fc
  .jsonValue({ maxDepth: 4 })
  .map(value => JSON.parse(JSON.stringify(value)) as unknown)

interface TypedData {
  readonly datacontenttype?: string
  readonly data?: EventData
}

const typedData: fc.Arbitrary<TypedData> = fc.oneof(
  fc.constant({}),
  fc.record({
    datacontenttype: fc.constantFrom('application/json', 'text/json', 'a/b+json; x="y z"'),
    data: jsonValue.map(value => ({ kind: 'json', value }) as const),
  }),
  jsonValue.map(value => ({ data: { kind: 'json', value } as const })),
  fc.record({
    datacontenttype: fc.constantFrom('text/plain', 'text/csv; charset=UTF-8', 'application/x'),
    data: fc
      .string({ unit: 'binary', minLength: 1, maxLength: 30 })
      .filter(value => value.isWellFormed())
      .map(value => ({ kind: 'text', text: value }) as const),
  }),
  fc.record({
    datacontenttype: fc.constantFrom('application/octet-stream', 'image/png', 'text/plain'),
    data: fc
      .uint8Array({ minLength: 1, maxLength: 30 })
      .map(bytes => ({ kind: 'bytes', bytes: Buffer.from(bytes) }) as const),
  }),
)

const event: fc.Arbitrary<CloudEvent> = fc
  .tuple(
    fc.record(
      { id: text(1), source: path, type: text(1), subject: text(1), time, dataschema: path },
      { requiredKeys: ['id', 'source', 'type'] },
    ),
    fc.array(fc.tuple(name, scalar), { maxLength: 8 }),
    typedData,
  )
  .map(([fields, extensions, data]) => ({
    ...fields,
    ...(fields.dataschema !== undefined && {
      dataschema: `https://example.org${fields.dataschema}`,
    }),
    ...data,
    specversion: '1.0',
    extensions: new Map(extensions),
  }))

function bytesOf(data: EventData | undefined): Buffer {
  if (data === undefined) return Buffer.alloc(0)
  if (data.kind === 'bytes') return data.bytes
  return Buffer.from(data.kind === 'text' ? data.text : JSON.stringify(data.value))
}

/** What the binary mode can carry: extensions are texts there, and only the bytes of data and their type are known. */
function asCarried({ data, extensions, ...rest }: CloudEvent): object {
  const implied = data?.kind === 'json' ? { datacontenttype: 'application/json' } : {}
  const texts = [...extensions].map(([key, value]) => [key, String(value)] as const)
  return { ...implied, ...rest, extensions: new Map(texts), bytes: bytesOf(data) }
}

t.test('any valid event comes out of the structured mode as it went in', async () => {
  const hold = (sent: CloudEvent): boolean => {
    if (eventProblem(sent) !== undefined) throw new Error(eventProblem(sent))
    return isDeepStrictEqual(readHttp([['content-type', structuredType]], toJson(sent)), sent)
  }
  fc.assert(fc.property(event, hold), { numRuns: 500 })
})

t.test('any valid event comes out of the binary mode with all that headers can say', async () => {
  const hold = (sent: CloudEvent): boolean => {
    const { headers, body } = toHttpBinary(sent)
    // oxlint-disable-next-line no-control-regex -- the point is that there are none
    if (headers.some(([, value]) => /[^\x20-\x7e]/.test(value))) return false
    const read = readHttp(headers, body)
    return (
      read !== undefined &&
      !('problem' in read) &&
      isDeepStrictEqual(asCarried(read), asCarried(sent))
    )
  }
  fc.assert(fc.property(event, hold), { numRuns: 500 })
})

/** An event, a sentence, or no event; and an event can be written in both modes. */
function isOutcome(outcome: ReturnType<typeof readHttp>): boolean {
  if (outcome === undefined) return true
  if ('problem' in outcome) return outcome.problem.length > 0 && outcome.problem.length < 500
  toHttpBinary(outcome)
  return (
    eventProblem(outcome) === undefined && isDeepStrictEqual(readJson(toJson(outcome)), outcome)
  )
}

t.test('garbage is an outcome, and never an exception', async () => {
  const garbage = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('1.0', '/s', '%', '%ff', '"a'),
  )
  const field = fc.tuple(
    fc.oneof(
      fc.constantFrom('ce-specversion', 'ce-id', 'ce-source', 'ce-type', 'ce-time', 'content-type'),
      fc.string().map(value => `ce-${value}`),
    ),
    fc.oneof(garbage, fc.constantFrom(structuredType, 'application/json', 'text/plain')),
  )
  const body = fc.oneof(
    fc.uint8Array(),
    fc.json().map(value => Buffer.from(value)),
  )
  const hold = (headers: [string, string][], bytes: Uint8Array): boolean =>
    isOutcome(readHttp(headers, Buffer.from(bytes)))
  fc.assert(fc.property(fc.array(field), body, hold), { numRuns: 1000 })
})

t.test('an envelope with anything in it is an outcome', async () => {
  const key = fc.oneof(
    fc.constantFrom('subject', 'time', 'dataschema', 'datacontenttype', 'data', 'data_base64'),
    fc.constantFrom('__proto__', 'constructor', 'toString'),
    fc.string(),
  )
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom('text/plain', 'application/json', 'YQ==', '2026-01-31T08:00:00Z'),
  )
  const hold = (entries: [string, unknown][]): boolean => {
    const base: [string, unknown][] = Object.entries({
      specversion: '1.0',
      id: '1',
      source: '/',
      type: 't',
    })
    const members = [...base, ...entries].map(pair =>
      pair.map(part => JSON.stringify(part)).join(':'),
    )
    return isOutcome(readJson(Buffer.from(`{${members.join(',')}}`)))
  }
  fc.assert(fc.property(fc.array(fc.tuple(key, value), { maxLength: 6 }), hold), { numRuns: 1000 })
})
