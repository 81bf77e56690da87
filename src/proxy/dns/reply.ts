import {
  headerBytes,
  headerFlags,
  recordClasses,
  recordTypes,
  responseCodes,
  type Edns,
  type Query,
  type QueryHeader,
  type ResponseCode,
} from './message.ts'

/**
 * Seconds that an answer may be kept, also the one that there is no AAAA. A service keeps its address as long as the
 * sidecar lives; what ages is whether the name is in the mesh at all, and that should be known within half a minute.
 */
const ttlSeconds = 30

/** DNS flag day 2020: what passes without fragments on any path. Larger answers go by TCP. */
const maxUdpBytes = 1232
/** RFC 1035 §4.2.1: without EDNS. */
const plainUdpBytes = 512

/** What there is to say to a query that we do not forward. */
export type Reply =
  | { readonly kind: 'address'; readonly address: string }
  /** The name exists and has no such record: not to be taken for NXDOMAIN, which would hide its address too. */
  | { readonly kind: 'no-data' }
  | { readonly kind: 'error'; readonly code: ResponseCode }

/** @param recursion whether we would forward what is not ours. */
export function writeReply(query: Query, reply: Reply, recursion: boolean): Buffer {
  const code = reply.kind === 'error' ? reply.code : responseCodes.noError
  const ours = reply.kind === 'error' ? 0 : headerFlags.authoritative
  const available = recursion ? headerFlags.recursionAvailable : 0
  const header = writeHeader(query, code, ours | available)
  header.writeUInt16BE(1, 4)
  const parts = [header, query.question]
  if (reply.kind === 'address') {
    header.writeUInt16BE(1, 6)
    parts.push(addressRecord(reply.address))
  } else if (reply.kind === 'no-data') {
    header.writeUInt16BE(1, 8)
    parts.push(startOfAuthority)
  }
  if (query.edns !== undefined) {
    header.writeUInt16BE(1, 10)
    parts.push(optRecord(query.edns, code))
  }
  return Buffer.concat(parts)
}

/** For a query of which no more than the header is known. */
export function writeFault(query: QueryHeader, code: ResponseCode): Buffer {
  return writeHeader(query, code, 0)
}

/** `answer` itself when it fits into a datagram for this client, or else the word to ask again by TCP. */
export function fitDatagram(answer: Buffer, { edns, question }: Query): Buffer {
  const limit =
    edns === undefined
      ? plainUdpBytes
      : Math.min(Math.max(edns.payloadBytes, plainUdpBytes), maxUdpBytes)
  if (answer.length <= limit) return answer
  const header = Buffer.from(answer.subarray(0, headerBytes))
  const code = header.readUInt16BE(2) & headerFlags.responseCode
  header.writeUInt16BE(header.readUInt16BE(2) | headerFlags.truncated, 2)
  header.writeUInt16BE(1, 4)
  header.fill(0, 6)
  if (edns === undefined) return Buffer.concat([header, question])
  header.writeUInt16BE(1, 10)
  return Buffer.concat([header, question, optRecord(edns, code)])
}

function writeHeader({ id, flags }: QueryHeader, code: number, own: number): Buffer {
  const header = Buffer.alloc(headerBytes)
  const { opcode, recursionDesired, checkingDisabled, response, responseCode } = headerFlags
  const kept = flags & (opcode | recursionDesired | checkingDisabled)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(kept | response | own | (code & responseCode), 2)
  return header
}

/** A record of the name that was asked for, by a pointer to the question (RFC 1035 §4.1.4). */
function record(type: number, data: Buffer): Buffer {
  const fields = Buffer.alloc(12)
  fields.writeUInt16BE(0xc000 | headerBytes, 0)
  fields.writeUInt16BE(type, 2)
  fields.writeUInt16BE(recordClasses.internet, 4)
  fields.writeUInt32BE(ttlSeconds, 6)
  fields.writeUInt16BE(data.length, 10)
  return Buffer.concat([fields, data])
}

function addressRecord(address: string): Buffer {
  return record(recordTypes.a, Buffer.from(address.split('.').map(Number)))
}

/** RFC 2308 §3: says how long "no data" may be kept. The rest is that of an empty zone, RFC 6303 §3. */
const startOfAuthority = ((): Buffer => {
  const timers = Buffer.alloc(20)
  const [serial, refresh, retry, expire] = [1, 3600, 1200, 604_800] as const
  for (const [index, value] of [serial, refresh, retry, expire, ttlSeconds].entries())
    timers.writeUInt32BE(value, index * 4)
  const itself = Buffer.from([0xc0, headerBytes])
  const nobody = Buffer.from('\u0006nobody\u0007invalid\u0000', 'latin1')
  return record(recordTypes.soa, Buffer.concat([itself, nobody, timers]))
})()

/** RFC 6891 §6.1.2: of the root; class and TTL hold the size we take, the upper bits of the code, and DO (RFC 3225). */
function optRecord({ dnssecOk }: Edns, code: number): Buffer {
  const opt = Buffer.alloc(11)
  opt.writeUInt16BE(recordTypes.opt, 1)
  opt.writeUInt16BE(maxUdpBytes, 3)
  opt.writeUInt8(code >> 4, 5)
  opt.writeUInt16BE(dnssecOk ? 0x8000 : 0, 7)
  return opt
}
