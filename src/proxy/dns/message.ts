// Reads what of a DNS message decides its answer (RFC 1035 §4.1): the header, one question, EDNS. Records are passed over
// and pointers never followed, so no message can make it loop or take longer than one walk over its bytes. The library
// for this, dns-packet, decodes every record, which a message of 64 KiB can make last 90 ms, and loses what a label
// holds besides text.

export const headerBytes = 12
const maxNameBytes = 255
const maxLabelBytes = 63
const pointer = 0xc0
/** Type, class, TTL and length of a record, behind its name. */
const recordFieldBytes = 10

/** RFC 1035 §4.1.1; 16 is of RFC 6891 §9. */
export const responseCodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const

export type ResponseCode = (typeof responseCodes)[keyof typeof responseCodes]

export const recordTypes = { a: 1, soa: 6, opt: 41, any: 255 } as const
export const recordClasses = { internet: 1, any: 255 } as const

/** Bits of the header's second word. */
export const headerFlags = {
  response: 0x8000,
  opcode: 0x7800,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  checkingDisabled: 0x0010,
  responseCode: 0x000f,
} as const

/** What any answer needs of the query. */
export interface QueryHeader {
  readonly id: number
  /** The header's second word as it came. */
  readonly flags: number
}

export interface Query extends QueryHeader {
  /**
   * In lower case, without the dot at the end; the root is empty. Octets as Latin-1, with a backslash before a dot
   * or backslash that stands within a label, so that no two names look the same.
   */
  readonly name: string
  readonly type: number
  readonly class: number
  /** The question section as it came, which answers repeat. */
  readonly question: Buffer
  readonly edns: Edns | undefined
}

/** RFC 6891 §6.1.3. */
export interface Edns {
  /** Largest UDP payload that the client takes, in bytes. */
  readonly payloadBytes: number
  readonly version: number
  readonly dnssecOk: boolean
}

/** A query that is answered with an error and nothing else. */
export interface Fault extends QueryHeader {
  readonly code: ResponseCode
}

/** Undefined when there is nobody to answer: no whole header, or itself an answer. Never throws. */
export function readQuery(message: Buffer): Query | Fault | undefined {
  if (message.length < headerBytes) return undefined
  const id = message.readUInt16BE(0)
  const flags = message.readUInt16BE(2)
  if ((flags & headerFlags.response) !== 0) return undefined
  const fault = (code: ResponseCode): Fault => ({ id, flags, code })
  if ((flags & headerFlags.opcode) !== 0) return fault(responseCodes.notImplemented)
  // RFC 9619: a query has one question.
  if (message.readUInt16BE(4) !== 1) return fault(responseCodes.formatError)
  const question = readQuestion(message)
  if (question === undefined) return fault(responseCodes.formatError)
  const edns = readEdns(message, headerBytes + question.question.length)
  if (edns === 'malformed') return fault(responseCodes.formatError)
  return { id, flags, ...question, edns }
}

/**
 * Whether `answer` is one to the question that was asked with `id`. An error may come without the question, from
 * resolvers that could not read it.
 */
export function isAnswerTo(answer: Buffer, { question }: Query, id: number): boolean {
  if (answer.length < headerBytes || answer.readUInt16BE(0) !== id) return false
  const flags = answer.readUInt16BE(2)
  if ((flags & headerFlags.response) === 0 || (flags & headerFlags.opcode) !== 0) return false
  const questions = answer.readUInt16BE(4)
  if (questions === 0) return (flags & headerFlags.responseCode) !== 0
  return questions === 1 && beginsWith(answer.subarray(headerBytes), question)
}

type Question = Pick<Query, 'name' | 'type' | 'class' | 'question'>

function readQuestion(message: Buffer): Question | undefined {
  let name = ''
  let at = headerBytes
  for (;;) {
    const length = message[at]
    // Before the question stands only the header, where a pointer could find no name.
    if (length === undefined || length > maxLabelBytes) return undefined
    at++
    if (length === 0) break
    const end = at + length
    if (end >= message.length || end - headerBytes >= maxNameBytes) return undefined
    const label = message.latin1Slice(at, end)
    name += `${name === '' ? '' : '.'}${label.replaceAll(/[.\\]/g, '\\$&')}`
    at = end
  }
  if (at + 4 > message.length) return undefined
  return {
    name: lowerCase(name),
    type: message.readUInt16BE(at),
    class: message.readUInt16BE(at + 2),
    question: message.subarray(headerBytes, at + 4),
  }
}

/** Walks over all records for the OPT among the last; they must end where the message does. */
function readEdns(message: Buffer, start: number): Edns | undefined | 'malformed' {
  const before = message.readUInt16BE(6) + message.readUInt16BE(8)
  const count = before + message.readUInt16BE(10)
  let edns: Edns | undefined
  let at = start
  for (let index = 0; index < count; index++) {
    const fields = skipName(message, at)
    if (fields === undefined || fields + recordFieldBytes > message.length) return 'malformed'
    const end = fields + recordFieldBytes + message.readUInt16BE(fields + 8)
    if (message.readUInt16BE(fields) === recordTypes.opt) {
      // RFC 6891 §6.1.1: one, among the additional records, of the root.
      if (edns !== undefined || index < before || message[at] !== 0) return 'malformed'
      edns = readOpt(message, fields)
    }
    at = end
  }
  return at === message.length ? edns : 'malformed'
}

function readOpt(message: Buffer, fields: number): Edns {
  return {
    payloadBytes: message.readUInt16BE(fields + 2),
    version: message[fields + 5] ?? 0,
    dnssecOk: (message.readUInt16BE(fields + 6) & 0x8000) !== 0,
  }
}

/** @returns where the fields begin that follow the name. */
function skipName(message: Buffer, start: number): number | undefined {
  let at = start
  while (at - start < maxNameBytes) {
    const length = message[at]
    if (length === undefined) return undefined
    if (length === 0) return at + 1
    if (length >= pointer) return at + 2
    if (length > maxLabelBytes) return undefined
    at += length + 1
  }
  return undefined
}

/** ASCII only (RFC 4343 §3): Latin-1 letters beyond it are octets like others. */
function lowerCase(name: string): string {
  return name.replaceAll(/[A-Z]+/g, letters => letters.toLowerCase())
}

/** Whether `bytes` begin with this question, but for the case of its name: resolvers may return that in lower case. */
function beginsWith(bytes: Buffer, question: Buffer): boolean {
  if (bytes.length < question.length) return false
  const fields = question.length - 4
  const name = (of: Buffer): string => lowerCase(of.latin1Slice(0, fields))
  return (
    name(bytes) === name(question) &&
    bytes.compare(question, fields, question.length, fields, question.length) === 0
  )
}
