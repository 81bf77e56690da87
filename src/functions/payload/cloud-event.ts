// CloudEvents 1.0.2: the event as a value, its JSON format, and its binding to HTTP (github.com/cloudevents/spec).
import { isUtf8 } from 'node:buffer'

/** An occurrence and its data. Made elsewhere, it is valid only once `eventProblem` has found nothing. */
export interface CloudEvent extends Attributes {
  readonly specversion: '1.0'
  readonly id: string
  /** URI-reference. With `id` it names the event. */
  readonly source: string
  readonly type: string
  /** Names of 1 to 20 letters in lower case or digits. What came in headers is text, whatever it was before. */
  readonly extensions: ReadonlyMap<string, Scalar>
  readonly data?: EventData
}

interface Attributes {
  /** Media type of the data. Without it JSON is JSON, and bytes are of a kind that nobody knows. */
  readonly datacontenttype?: string
  /** URI with a scheme. */
  readonly dataschema?: string
  readonly subject?: string
  /** RFC 3339. */
  readonly time?: string
}

/** Integers of 32 bits, where it is a number. */
type Scalar = string | number | boolean

/** JSON needs a media type that says so, or none; text one that is not JSON's. */
export type EventData =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }

/** Why something is no event, in a sentence for whoever sent it. */
export interface EventProblem {
  readonly problem: string
}

export interface HttpMessage {
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

/** Media type of an event that is wholly in the body. */
export const structuredType = 'application/cloudevents+json'

const limits = { extensions: 32, attributeBytes: 2048, attributesBytes: 16 * 1024, dataDepth: 256 }
const prefix = 'ce-'
const jsonType = 'application/json'

const required = ['specversion', 'id', 'source', 'type'] as const
const optional = ['subject', 'time', 'datacontenttype', 'dataschema'] as const
type CoreName = (typeof required)[number] | (typeof optional)[number]
const core: readonly CoreName[] = [...required, ...optional]

const namePattern = /^[a-z0-9]{1,20}$/
/** Control characters, halves of surrogate pairs, and what Unicode says is no character (core §3.2). */
const badCharacter = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const quoted = '"(?:[^"\\\\]|\\\\.)*"'
const mediaTypePattern = new RegExp(
  `^${token}/${token}(?:[ \\t]*;[ \\t]*${token}=(?:${token}|${quoted}))*$`,
)
const jsonTypePattern = /^[^/;]+\/(?:[^;]+\+)?json[ \t]*(?:;|$)/i
const textTypePattern = /^(?:text\/|application\/(?:[^;]+\+)?(?:xml|javascript|yaml)[ \t]*(?:;|$))/i
const charsetPattern = /;[ \t]*charset=("[^"]*"|[^; \t]*)/i
const cloudEventsPattern = /^application\/cloudevents(?:-batch)?(?:\+|[ \t]*(?:;|$))/i
const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i
const uriCharacters = /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[\da-f]{2})+$/i
const uriParts = /^(?:([^:/?#]*):)?(?:\/\/[^/?#]*)?([^#]*)(?:#(.*))?$/
const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/

/** Raised and caught in this file alone. */
class Invalid extends Error {}

/** The event in a message of HTTP, in structured or binary mode. Undefined: it is no event, and does not say so. */
export function readHttp(
  headers: Iterable<readonly [name: string, value: string]>,
  body: Buffer,
): CloudEvent | EventProblem | undefined {
  const fields = collectFields(headers)
  const [contentType = ''] = fields.get('content-type') ?? []
  if (cloudEventsPattern.test(contentType)) return readStructured(contentType, body)
  if (!fields.has(`${prefix}specversion`)) return undefined
  return orProblem(() => readBinary(fields, body))
}

/** An event in the JSON format, bytes of a file or a body. */
export function readJson(body: Buffer): CloudEvent | EventProblem {
  return orProblem(() => {
    const fields = parseJson(body, 'the event')
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
      throw new Invalid('an event is a JSON object')
    const found = new Map<string, unknown>(Object.entries(fields))
    const data = jsonData(found)
    found.delete('data')
    found.delete('data_base64')
    return fromFields(found, data)
  })
}

/** What is wrong with an event that was made here. */
export function eventProblem(event: CloudEvent): string | undefined {
  const outcome = orProblem(() => checked(event))
  return 'problem' in outcome ? outcome.problem : undefined
}

/** In the JSON format. */
export function toJson(event: CloudEvent): Buffer {
  const { data } = event
  const fields: [string, unknown][] = attributes(event)
  if (data?.kind === 'json') fields.push(['data', data.value])
  if (data?.kind === 'text') fields.push(['data', data.text])
  if (data?.kind === 'bytes') fields.push(['data_base64', data.bytes.toString('base64')])
  return Buffer.from(JSON.stringify(Object.fromEntries(fields)))
}

/** In binary mode: the body is the data, all else stands in headers. */
export function toHttpBinary(event: CloudEvent): HttpMessage {
  const headers: [string, string][] = []
  const contentType = sentType(event)
  if (contentType !== undefined) headers.push(['content-type', contentType])
  for (const [name, value] of attributes(event))
    if (name !== 'datacontenttype') headers.push([prefix + name, encodeValue(String(value))])
  return { headers, body: dataBytes(event.data) }
}

function orProblem(read: () => CloudEvent): CloudEvent | EventProblem {
  try {
    return read()
  } catch (error) {
    if (error instanceof Invalid) return { problem: error.message }
    throw error
  }
}

/** Fields that concern events, each with all its values. */
function collectFields(
  headers: Iterable<readonly [name: string, value: string]>,
): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>()
  for (const [mixed, value] of headers) {
    const name = mixed.toLowerCase()
    if (name !== 'content-type' && !name.startsWith(prefix)) continue
    const earlier = fields.get(name)
    if (earlier === undefined) fields.set(name, [value.trim()])
    else earlier.push(value.trim())
  }
  return fields
}

function readStructured(contentType: string, body: Buffer): CloudEvent | EventProblem {
  const [mediaType = ''] = contentType.toLowerCase().split(/[; \t]/, 1)
  if (mediaType === structuredType) return readJson(body)
  if (mediaType.startsWith('application/cloudevents-batch'))
    return { problem: 'batches of events are not taken: send each event in a request of its own' }
  return { problem: `events as ${mediaType} are not taken: send ${structuredType}` }
}

function readBinary(fields: ReadonlyMap<string, readonly string[]>, body: Buffer): CloudEvent {
  const found = new Map<string, unknown>()
  for (const [field, values] of fields) {
    const [value = ''] = values
    if (values.length > 1) throw new Invalid(`${field} occurs ${values.length} times`)
    if (field === 'content-type') found.set('datacontenttype', value)
    else found.set(binaryName(field), decodeValue(field, value))
  }
  return fromFields(found, binaryData(body, fields.get('content-type')?.[0]))
}

function binaryName(field: string): string {
  const name = field.slice(prefix.length)
  // HTTP binding §3.1.1 and core §3.1: the first has a header of its own, the others are no attributes.
  if (name === 'datacontenttype')
    throw new Invalid('the media type of the data belongs into content-type')
  return name
}

function binaryData(body: Buffer, contentType: string | undefined): EventData | undefined {
  if (body.length === 0) return undefined
  if (contentType === undefined) return { kind: 'bytes', bytes: body }
  if (jsonTypePattern.test(contentType)) return { kind: 'json', value: parseJson(body, 'the data') }
  const isText = textTypePattern.test(contentType) && isUtf8Type(contentType) && isUtf8(body)
  return isText ? { kind: 'text', text: body.toString() } : { kind: 'bytes', bytes: body }
}

function isUtf8Type(contentType: string): boolean {
  const charset = charsetPattern.exec(contentType)?.[1] ?? 'utf-8'
  return /^"?(?:utf-?8|us-ascii)"?$/i.test(charset)
}

/** One round of percent-decoding, after the quotes of older senders (HTTP binding §3.1.3.2). */
function decodeValue(field: string, value: string): string {
  // Before any work is done for it; an octet is three characters at most.
  if (value.length > 3 * limits.attributeBytes) throw new Invalid(`${field} is too long`)
  if (/[^ -~]/.test(value))
    throw new Invalid(`${field} has characters that must be percent-encoded as UTF-8`)
  const inner = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1]?.replace(/\\(.)/g, '$1')
  try {
    return decodeURIComponent(inner ?? value)
  } catch {
    throw new Invalid(`${field} is not percent-encoded UTF-8: write % itself as %25`)
  }
}

function encodeValue(value: string): string {
  return value.replace(/[^!-~]|["%]/gu, character =>
    Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '%$&'),
  )
}

function fromFields(fields: ReadonlyMap<string, unknown>, data: EventData | undefined): CloudEvent {
  const extensions = new Map<string, Scalar>()
  const found: Partial<Record<CoreName, string>> = {}
  for (const [name, value] of fields) {
    // JSON format §2.2: null is the same as not there.
    if (value === null) continue
    if (!isCore(name)) extensions.set(name, scalar(name, value))
    else if (typeof value === 'string') found[name] = value
    else throw new Invalid(`${name} is no text`)
  }
  for (const name of required)
    if (found[name] === undefined) throw new Invalid(`the event has no ${name}`)
  return checked({ ...(found as CloudEvent), extensions, ...(data && { data }) })
}

function isCore(name: string): name is CoreName {
  return (core as readonly string[]).includes(name)
}

function scalar(name: string, value: unknown): Scalar {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return value
  throw new Invalid(`${shown(name)} is no text, integer or truth value`)
}

/** JSON format §3.1.2. */
function jsonData(fields: ReadonlyMap<string, unknown>): EventData | undefined {
  const declared = fields.get('datacontenttype') ?? jsonType
  const base64 = fields.get('data_base64') ?? undefined
  const value = fields.get('data')
  if (base64 !== undefined) {
    if (fields.has('data')) throw new Invalid('the event has both data and data_base64')
    return { kind: 'bytes', bytes: decodeBase64(base64) }
  }
  if (value === undefined) return undefined
  if (typeof declared === 'string' && jsonTypePattern.test(declared)) return { kind: 'json', value }
  if (value === null) return undefined
  if (typeof value !== 'string')
    throw new Invalid('data that is not JSON must be a text, or data_base64')
  return { kind: 'text', text: value }
}

function decodeBase64(value: unknown): Buffer {
  if (typeof value !== 'string' || value.length % 4 !== 0 || !base64Pattern.test(value))
    throw new Invalid('data_base64 is no base64')
  return Buffer.from(value, 'base64')
}

function parseJson(body: Buffer, what: string): unknown {
  if (!isUtf8(body)) throw new Invalid(`${what} is not UTF-8`)
  try {
    // Some editors put a mark of UTF-8 in front.
    return JSON.parse(body.toString().replace(/^\ufeff/, ''))
  } catch (error) {
    throw new Invalid(`${what} is no JSON: ${(error as Error).message}`)
  }
}

function attributes(event: CloudEvent): [name: string, value: Scalar][] {
  const found: [string, Scalar][] = []
  for (const name of core) if (event[name] !== undefined) found.push([name, event[name]])
  return [...found, ...event.extensions]
}

/** What is implied is said, where it goes on in another form (JSON format §3.1.2). Text leaves as UTF-8. */
function sentType({ data, datacontenttype }: CloudEvent): string | undefined {
  const type = datacontenttype ?? (data?.kind === 'json' ? jsonType : undefined)
  if (type === undefined || data?.kind === 'bytes' || isUtf8Type(type)) return type
  return type.replace(charsetPattern, '; charset=utf-8')
}

function dataBytes(data: EventData | undefined): Buffer {
  if (data === undefined) return Buffer.alloc(0)
  if (data.kind === 'bytes') return data.bytes
  return Buffer.from(data.kind === 'text' ? data.text : JSON.stringify(data.value))
}

function checked(event: CloudEvent): CloudEvent {
  if (event.specversion !== '1.0')
    throw new Invalid(`specversion is ${shown(event.specversion)}, and 1.0 alone is taken`)
  if (event.extensions.size > limits.extensions)
    throw new Invalid(`the event has more than ${limits.extensions} extensions`)
  let bytes = 0
  for (const [name, value] of attributes(event)) bytes += checkAttribute(name, value)
  if (bytes > limits.attributesBytes)
    throw new Invalid(`the attributes have more than ${limits.attributesBytes} bytes`)
  for (const name of event.extensions.keys()) checkExtensionName(name)
  for (const name of core) if (event[name] === '') throw new Invalid(`${name} is empty`)
  checkForms(event)
  checkData(event)
  return event
}

/** Its length, in bytes. */
function checkAttribute(name: string, value: Scalar): number {
  if (typeof value === 'number' && value !== (value | 0))
    throw new Invalid(`${shown(name)} is no integer of 32 bits`)
  const text = String(value)
  const bytes = Buffer.byteLength(text)
  if (bytes > limits.attributeBytes)
    throw new Invalid(`${shown(name)} has more than ${limits.attributeBytes} bytes`)
  if (badCharacter.test(text))
    throw new Invalid(`${shown(name)} has a character that attributes can't have`)
  return bytes
}

function checkExtensionName(name: string): void {
  if (!namePattern.test(name) || name === 'data' || isCore(name))
    throw new Invalid(
      `${shown(name)} is no name for an attribute: 1 to 20 letters in lower case or digits, and not data`,
    )
}

function checkForms({ source, dataschema, time, datacontenttype }: CloudEvent): void {
  if (uriScheme(source) === undefined)
    throw new Invalid('source is no URI-reference: write its other characters as %XX')
  // Strictly it could have no fragment (RFC 3986 §4.3), and those of JSON Schema do.
  if (dataschema !== undefined && !uriScheme(dataschema))
    throw new Invalid('dataschema is no URI with a scheme, such as https://example.org/order')
  if (time !== undefined && !isTime(time))
    throw new Invalid('time is not as RFC 3339 has it, such as 2026-01-31T08:00:00Z')
  if (datacontenttype === undefined) return
  if (!mediaTypePattern.test(datacontenttype))
    throw new Invalid('datacontenttype is no media type, such as application/json')
  if (cloudEventsPattern.test(datacontenttype))
    throw new Invalid('an event within an event would be taken for it: send it by itself')
}

function checkData({ data, datacontenttype }: CloudEvent): void {
  if (data === undefined || data.kind === 'bytes') return
  const isJson = jsonTypePattern.test(datacontenttype ?? jsonType)
  if (isJson !== (data.kind === 'json'))
    throw new Invalid(`data as ${data.kind} does not go with its datacontenttype`)
  if (data.kind === 'text' && !data.text.isWellFormed())
    throw new Invalid('the data has a half of a surrogate pair')
  // To write it takes stack for each level, and the stack would end first.
  if (data.kind === 'json' && isDeeper(data.value, limits.dataDepth))
    throw new Invalid(`the data has more than ${limits.dataDepth} levels`)
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some(child => isDeeper(child, levels - 1))
}

/** The scheme, empty for a relative reference. Undefined: it is none (RFC 3986 §4.1). */
function uriScheme(text: string): string | undefined {
  if (!uriCharacters.test(text)) return undefined
  const [, scheme = '', rest = '', fragment = ''] = uriParts.exec(text) ?? []
  // Without a scheme the first segment has no colon; brackets stand around addresses alone (§3.2.2).
  if (/[[\]]/.test(rest) || /[[\]#]/.test(fragment)) return undefined
  if (text.startsWith(':') || (scheme !== '' && !/^[a-z][a-z\d+.-]*$/i.test(scheme)))
    return undefined
  return scheme
}

function isTime(text: string): boolean {
  const [, year = '', month = '', day = ''] = timePattern.exec(text) ?? []
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`)
  // Dates that a month does not have move on into the next.
  return date.getUTCDate() === Number(day) && date.getUTCMonth() + 1 === Number(month)
}

/** A name that came from outside, fit for a sentence. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40))
}
