import t from 'tap'
import {
  eventProblem,
  readHttp,
  readJson,
  toHttpBinary,
  toJson,
  type CloudEvent,
} from '../../../../src/functions/payload/cloud-event.ts'

const structured = [['Content-Type', 'application/cloudevents+json; charset=UTF-8']] as const
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const nothing = Buffer.alloc(0)
const minimal = { specversion: '1.0', id: '1', source: '/s', type: 't' }
const minimalHeaders = Object.entries(minimal).map(
  ([name, value]) => [`ce-${name}`, value] as const,
)

const event = (changes: Partial<CloudEvent> = {}): CloudEvent => ({
  specversion: '1.0',
  id: '1',
  source: '/s',
  type: 't',
  extensions: new Map(),
  ...changes,
})

function problemOf(outcome: CloudEvent | { problem: string } | undefined): string {
  return outcome !== undefined && 'problem' in outcome ? outcome.problem : 'none'
}

const readFields = (fields: object) => readJson(json({ ...minimal, ...fields }))
const readHeaders = (...headers: (readonly [string, string])[]) =>
  readHttp([...minimalHeaders, ...headers], nothing)
const headerValue = (value: string) => {
  const read = readHeaders(['ce-subject', value])
  return read !== undefined && 'problem' in read ? read.problem : read?.subject
}

t.test('an event in structured mode is read from its body alone', async t => {
  const body = json({
    ...minimal,
    subject: null,
    comexampleothervalue: 5,
    flag: true,
    data: { a: 1 },
  })
  const headers = [...structured, ['ce-id', 'other']] as const
  t.strictSame(readHttp(headers, body), {
    ...event(),
    extensions: new Map<string, number | boolean>([
      ['comexampleothervalue', 5],
      ['flag', true],
    ]),
    data: { kind: 'json', value: { a: 1 } },
  })
})

t.test('an event in binary mode is read from its headers, whatever their case', async t => {
  const headers = [
    ['CE-SpecVersion', '1.0'],
    ['ce-id', ' A234 '],
    ['ce-source', 'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66'],
    ['ce-type', 'com.example'],
    ['ce-time', '2018-04-05T03:56:24Z'],
    ['ce-traceparent', '00-1'],
    ['Content-Type', 'application/json; charset=utf-8'],
    ['accept', '*/*'],
  ] as const
  t.strictSame(readHttp(headers, Buffer.from('"hi"')), {
    specversion: '1.0',
    id: 'A234',
    source: 'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66',
    type: 'com.example',
    time: '2018-04-05T03:56:24Z',
    datacontenttype: 'application/json; charset=utf-8',
    extensions: new Map([['traceparent', '00-1']]),
    data: { kind: 'json', value: 'hi' },
  })
})

t.test('what does not say that it is an event is none', async t => {
  t.equal(readHttp([], nothing), undefined)
  t.equal(readHttp([['ce-id', '1']], nothing), undefined)
  t.equal(readHttp([['content-type', 'application/json']], json(minimal)), undefined)
  t.equal(readHttp([['content-type', 'application/cloudeventsx']], json(minimal)), undefined)
})

t.test('batches and other formats are refused with what to send', async t => {
  const refusal = (type: string) => problemOf(readHttp([['content-type', type]], nothing))
  t.match(refusal('application/cloudevents-batch+json'), /each event in a request of its own/)
  t.match(refusal('Application/CloudEvents-Batch+JSON; charset=utf-8'), /batches/)
  t.match(refusal('application/cloudevents+avro'), /send application\/cloudevents\+json/)
  t.match(refusal('application/cloudevents'), /send application\/cloudevents\+json/)
})

t.test('header values are percent-decoded once, after their quotes', async t => {
  t.equal(headerValue('Euro%20%E2%82%AC%20%F0%9F%98%80'), 'Euro € 😀')
  t.equal(headerValue('%e2%82%ac'), '€')
  t.equal(headerValue('%2541'), '%41')
  t.equal(headerValue('%41'), 'A')
  t.equal(headerValue('"a \\"b\\" %20"'), 'a "b"  ')
  t.equal(headerValue('a b'), 'a b')
  t.match(headerValue('%C0%A0'), /not percent-encoded UTF-8/)
  t.match(headerValue('%ED%A0%80'), /not percent-encoded UTF-8/)
  t.match(headerValue('100%'), /%25/)
  t.match(headerValue('\u00e9'), /must be percent-encoded/)
  t.match(headerValue('%0A'), /a character that attributes can't have/)
  t.match(headerValue('a'.repeat(6145)), /too long/)
})

t.test('headers that can be no attributes are refused', async t => {
  t.match(problemOf(readHeaders(['ce-datacontenttype', 'a/b'])), /belongs into content-type/)
  t.match(problemOf(readHeaders(['ce-data', 'x'])), /"data" is no name/)
  t.match(problemOf(readHeaders(['ce-data_base64', 'eA=='])), /"data_base64" is no name/)
  t.match(problemOf(readHeaders(['ce-x-y', '1'])), /"x-y" is no name/)
  t.match(problemOf(readHeaders(['ce-', '1'])), /"" is no name/)
  t.match(problemOf(readHeaders(['ce-id', '2'])), /ce-id occurs 2 times/)
  const double = readHeaders(['content-type', 'a/b'], ['content-type', 'a/b'])
  t.match(problemOf(double), /content-type occurs 2 times/)
})

t.test('names of the language do no harm', async t => {
  const read = readJson(
    Buffer.from(
      '{"specversion":"1.0","id":"1","source":"/","type":"t","constructor":"c","data":{"__proto__":{"polluted":1}}}',
    ),
  )
  t.ok('extensions' in read && read.extensions.get('constructor') === 'c')
  t.notOk('polluted' in {})
  t.match(
    problemOf(
      readJson(
        Buffer.from('{"specversion":"1.0","id":"1","source":"/","type":"t","__proto__":"x"}'),
      ),
    ),
    /"__proto__" is no name/,
  )
  t.match(problemOf(readHeaders(['ce-__proto__', 'x'])), /no name/)
})

t.test('what is required must be there', async t => {
  for (const name of Object.keys(minimal)) {
    t.match(problemOf(readFields({ [name]: undefined })), `no ${name}`)
    t.match(problemOf(readFields({ [name]: null })), `no ${name}`)
    t.match(problemOf(readFields({ [name]: 1 })), `${name} is no text`)
  }
  for (const name of ['id', 'type', 'subject', 'dataschema', 'time', 'datacontenttype', 'source'])
    t.match(problemOf(readFields({ [name]: '' })), `${name} is empty`)
  t.match(problemOf(readFields({ specversion: '0.3' })), /"0.3", and 1.0 alone/)
  const some = minimalHeaders.filter(([name]) => name !== 'ce-type')
  t.match(problemOf(readHttp(some, nothing)), 'no type')
})

t.test('a body that is no event says why', async t => {
  t.match(problemOf(readJson(Buffer.from('{'))), /the event is no JSON/)
  t.match(problemOf(readJson(Buffer.from([0x22, 0xff, 0x22]))), /the event is not UTF-8/)
  t.match(problemOf(readJson(json([minimal]))), /a JSON object/)
  t.match(problemOf(readJson(json(null))), /a JSON object/)
  t.match(problemOf(readJson(Buffer.from('['.repeat(500_000)))), /no JSON/)
  t.equal(problemOf(readJson(Buffer.from(`\ufeff${JSON.stringify(minimal)}`))), 'none')
})

t.test('extensions are texts, truth values or integers of 32 bits', async t => {
  t.equal(problemOf(readFields({ a: -2_147_483_648, b: 2_147_483_647, c: '', d: false })), 'none')
  t.match(problemOf(readFields({ a: 2_147_483_648 })), /no integer/)
  t.match(problemOf(readFields({ a: 1.5 })), /no integer/)
  t.match(problemOf(readFields({ a: {} })), /no text, integer or truth value/)
  t.match(problemOf(readFields({ a: [] })), /no text, integer or truth value/)
  t.equal(problemOf(readFields({ abcdefghij0123456789: 1 })), 'none')
  t.match(problemOf(readFields({ abcdefghij0123456789x: 1 })), /no name/)
  t.match(problemOf(readFields({ camelCase: 1 })), /no name/)
})

t.test('number and size of attributes are bounded', async t => {
  const many = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, value]))
  t.equal(problemOf(readFields(many(32, 1))), 'none')
  t.match(problemOf(readFields(many(33, 1))), /more than 32 extensions/)
  t.equal(problemOf(readFields({ subject: 'é'.repeat(1024) })), 'none')
  t.match(
    problemOf(readFields({ subject: 'é'.repeat(1025) })),
    /"subject" has more than 2048 bytes/,
  )
  t.match(problemOf(readFields(many(9, 'x'.repeat(2000)))), /more than 16384 bytes/)
})

t.test('texts have no control characters, half characters or noncharacters', async t => {
  for (const bad of [
    '\u0000',
    '\u001f',
    '\u007f',
    '\u009f',
    '\ud800',
    '\udc00x',
    '\ufdd0',
    '\u{1ffff}',
  ])
    t.match(problemOf(readFields({ subject: `a${bad}` })), /can't have/, JSON.stringify(bad))
  t.equal(problemOf(readFields({ subject: '\u00a0\ufffd\u{1f600}' })), 'none')
})

t.test('a time is one of RFC 3339 that the calendar has', async t => {
  for (const time of [
    '2018-04-05T17:31:00Z',
    '2018-04-05t17:31:00.123456789z',
    '2016-12-31T23:59:60Z',
    '2024-02-29T00:00:00+23:59',
    '0001-01-01T00:00:00-00:00',
  ])
    t.equal(problemOf(readFields({ time })), 'none', time)
  for (const time of [
    '2023-02-29T00:00:00Z',
    '2018-04-31T00:00:00Z',
    '2018-13-01T00:00:00Z',
    '2018-04-00T00:00:00Z',
    '2018-04-05T24:00:00Z',
    '2018-04-05T17:31Z',
    '2018-04-05T17:31:00',
    '2018-04-05 17:31:00Z',
    '2018-04-05T17:31:00.Z',
    '2018-04-05T17:31:00+0100',
    'yesterday',
  ])
    t.match(problemOf(readFields({ time })), /RFC 3339/, time)
})

t.test('a source is a reference of RFC 3986, a schema names its scheme', async t => {
  for (const source of [
    '/',
    '1-555-123-4567',
    'https://github.com/cloudevents?a=b#c',
    'mailto:x@example.com',
    'http://[::1]:80/a%20b',
    '#x',
    './a:b',
    '//host',
  ])
    t.equal(problemOf(readFields({ source })), 'none', source)
  for (const source of ['a b', '/é', '/%zz', '1:2', ':x', 'a#b#c', '/[x]', '/"', 'a\\b', '?[', '^'])
    t.match(problemOf(readFields({ source })), /source is no URI-reference/, source)
  t.equal(problemOf(readFields({ dataschema: 'https://example.org/a#/b' })), 'none')
  t.match(problemOf(readFields({ dataschema: '/a' })), /URI with a scheme/)
})

t.test('the media type of data decides what data is', async t => {
  const dataOf = (fields: object) => {
    const read = readFields(fields)
    return 'problem' in read ? read.problem : read.data
  }
  t.same(dataOf({ data: 'x' }), { kind: 'json', value: 'x' })
  t.same(dataOf({ data: null }), { kind: 'json', value: null })
  t.same(dataOf({ data: '{}', datacontenttype: 'text/json' }), { kind: 'json', value: '{}' })
  t.same(dataOf({ data: 'x', datacontenttype: 'application/xml' }), { kind: 'text', text: 'x' })
  t.same(dataOf({ data: 1, datacontenttype: 'a/b+JSON ; x=y' }), { kind: 'json', value: 1 })
  t.equal(dataOf({ data: null, datacontenttype: 'text/plain' }), undefined)
  t.equal(dataOf({}), undefined)
  t.equal(dataOf({ data_base64: null }), undefined)
  t.same(dataOf({ data_base64: '/w==' }), { kind: 'bytes', bytes: Buffer.from([0xff]) })
  t.match(dataOf({ data: 1, datacontenttype: 'text/plain' }), /must be a text/)
  t.match(dataOf({ data: 1, data_base64: '' }), /both/)
  for (const base64 of ['x', '/w=', '_w==', '====', 1])
    t.match(dataOf({ data_base64: base64 }), /no base64/)
  t.match(dataOf({ data: '\ud800', datacontenttype: 'text/plain' }), /surrogate/)
  t.match(dataOf({ datacontenttype: 'json' }), /no media type/)
  t.match(dataOf({ datacontenttype: 'a/b; c="d' }), /no media type/)
  t.match(dataOf({ datacontenttype: 'application/cloudevents+json' }), /event within an event/)
})

t.test('data that is too deep to be written again is refused', async t => {
  const deep = (levels: number) =>
    problemOf(
      readJson(
        Buffer.from(
          `${JSON.stringify(minimal).slice(0, -1)},"data":${'['.repeat(levels)}${']'.repeat(levels)}}`,
        ),
      ),
    )
  t.equal(deep(256), 'none')
  t.match(deep(257), /256 levels/)
  t.match(deep(400_000), /256 levels|no JSON/)
})

t.test('a body in binary mode is text where it says so and is', async t => {
  const dataOf = (type: string | undefined, body: string | Buffer) => {
    const headers = type === undefined ? [] : [['content-type', type] as const]
    const read = readHttp([...minimalHeaders, ...headers], Buffer.from(body))
    return read !== undefined && 'problem' in read ? read.problem : read?.data
  }
  t.same(dataOf('text/plain', 'é'), { kind: 'text', text: 'é' })
  t.same(dataOf('application/xml;charset="UTF-8"', '\ufeff<a/>'), {
    kind: 'text',
    text: '\ufeff<a/>',
  })
  t.same(dataOf('text/plain; charset=latin1', 'x'), { kind: 'bytes', bytes: Buffer.from('x') })
  t.same(dataOf('text/plain', Buffer.from([0xff])), { kind: 'bytes', bytes: Buffer.from([0xff]) })
  t.same(dataOf('image/png', 'x'), { kind: 'bytes', bytes: Buffer.from('x') })
  t.same(dataOf(undefined, 'x'), { kind: 'bytes', bytes: Buffer.from('x') })
  t.equal(dataOf('application/json', ''), undefined)
  t.match(dataOf('application/json', "I'm no JSON"), /the data is no JSON/)
  t.match(dataOf('application/json', Buffer.from([0xff])), /the data is not UTF-8/)
})

t.test(
  'the binary mode says the type that was implied, and encodes what headers do not take',
  async t => {
    const data = { kind: 'json', value: "I'm just a string" } as const
    const message = toHttpBinary(
      event({ subject: 'Euro € 😀 "%"', extensions: new Map([['n', 5]]), data }),
    )
    t.same(message.headers, [
      ['content-type', 'application/json'],
      ['ce-specversion', '1.0'],
      ['ce-id', '1'],
      ['ce-source', '/s'],
      ['ce-type', 't'],
      ['ce-subject', 'Euro%20%E2%82%AC%20%F0%9F%98%80%20%22%25%22'],
      ['ce-n', '5'],
    ])
    t.equal(message.body.toString(), '"I\'m just a string"')
  },
)

t.test('text leaves as UTF-8 and says so', async t => {
  const data = { kind: 'text', text: 'é' } as const
  const { headers, body } = toHttpBinary(
    event({ datacontenttype: 'text/plain; charset=iso-8859-1; x=y', data }),
  )
  t.same(headers[0], ['content-type', 'text/plain; charset=utf-8; x=y'])
  t.equal(body.toString(), 'é')
})

t.test('the JSON format has bytes in base64', async t => {
  const bytes = Buffer.from([0xff])
  const written = toJson(event({ datacontenttype: 'image/png', data: { kind: 'bytes', bytes } }))
  t.same(JSON.parse(written.toString()), {
    ...minimal,
    datacontenttype: 'image/png',
    data_base64: '/w==',
  })
})

t.test('an event that was made here is checked as any', async t => {
  t.equal(eventProblem(event()), undefined)
  t.match(eventProblem(event({ id: '' })), 'id is empty')
  t.match(eventProblem(event({ extensions: new Map([['id', 'x']]) })), /"id" is no name/)
  const text = { kind: 'text', text: 'x' } as const
  t.match(eventProblem(event({ data: text })), /data as text does not go with/)
  t.match(
    eventProblem(event({ datacontenttype: 'text/plain', data: { kind: 'json', value: 1 } })),
    /data as json does not go with/,
  )
})
