import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import type { Test } from 'tap'
import type { SocketAddress } from '../../src/model/bootstrap.ts'

const loopback = '127.0.0.1'

export const types = {
  A: 1,
  NS: 2,
  SOA: 6,
  TXT: 16,
  AAAA: 28,
  OPT: 41,
  HTTPS: 65,
  ANY: 255,
} as const

export interface QueryFields {
  readonly id?: number
  readonly flags?: number
  readonly name?: string
  readonly type?: number
  readonly class?: number
  /** UDP payload size of an OPT record. */
  readonly edns?: number
  readonly ednsVersion?: number
  readonly dnssecOk?: boolean
}

/** Labels as they stand on the wire; taken as they are, so that they may be wrong. */
export function nameBytes(...labels: readonly string[]): Buffer {
  const parts = labels.map(label => Buffer.from([label.length, ...Buffer.from(label, 'latin1')]))
  return Buffer.concat([...parts, Buffer.from([0])])
}

export function header(id: number, flags: number, counts: readonly number[]): Buffer {
  const bytes = Buffer.alloc(12)
  for (const [index, value] of [id, flags, ...counts].entries())
    bytes.writeUInt16BE(value, index * 2)
  return bytes
}

export function question(name: string | Buffer, type: number = types.A, klass = 1): Buffer {
  const encoded = typeof name === 'string' ? nameBytes(...name.split('.').filter(Boolean)) : name
  const fields = Buffer.alloc(4)
  fields.writeUInt16BE(type, 0)
  fields.writeUInt16BE(klass, 2)
  return Buffer.concat([encoded, fields])
}

export function opt({ edns = 1232, ednsVersion = 0, dnssecOk = false }: QueryFields): Buffer {
  const bytes = Buffer.from([0, 0, 41, 0, 0, 0, ednsVersion, dnssecOk ? 0x80 : 0, 0, 0, 0])
  bytes.writeUInt16BE(edns, 3)
  return bytes
}

/** A query as a stub resolver sends it: recursion desired. */
export function dnsQuery(fields: QueryFields = {}): Buffer {
  const { id = 0x1234, flags = 0x0100, name = 'orders', type, class: klass } = fields
  const parts = [
    header(id, flags, [1, 0, 0, fields.edns === undefined ? 0 : 1]),
    question(name, type, klass),
  ]
  if (fields.edns !== undefined) parts.push(opt(fields))
  return Buffer.concat(parts)
}

/** The header of an answer, in words. */
export function headerOf(answer: Buffer) {
  const flags = answer.readUInt16BE(2)
  return {
    id: answer.readUInt16BE(0),
    response: (flags & 0x8000) !== 0,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    code: flags & 15,
    counts: [4, 6, 8, 10].map(at => answer.readUInt16BE(at)),
  }
}

/** What a resolver says to `query`: an A record, and `padding` bytes more in a TXT record's place. */
export function upstreamAnswer(query: Buffer, address: string, padding = 0): Buffer {
  const end = query.indexOf(0, 12) + 5
  const pointed = (type: number, data: Buffer): Buffer => {
    const fields = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, 0])
    fields.writeUInt16BE(data.length, 10)
    return Buffer.concat([fields, data])
  }
  const records = [pointed(types.A, Buffer.from(address.split('.').map(Number)))]
  if (padding > 0) records.push(pointed(types.TXT, Buffer.alloc(padding)))
  const head = header(query.readUInt16BE(0), 0x8180, [1, records.length, 0, 0])
  return Buffer.concat([head, query.subarray(12, end), ...records])
}

export interface FakeResolver {
  readonly address: SocketAddress
  /** All queries so far, of both protocols. */
  readonly queries: readonly Buffer[]
  /** Ports that UDP queries came from. */
  readonly sources: readonly number[]
}

export type Answering = (
  query: Buffer,
  transport: 'udp' | 'tcp',
  seen: number,
) => Buffer | readonly Buffer[] | undefined

/** A resolver beyond the mesh that says what the test wants, on one port of both protocols. */
export async function startResolver(t: Test, answer: Answering): Promise<FakeResolver> {
  const queries: Buffer[] = []
  const sources: number[] = []
  const answersTo = (query: Buffer, transport: 'udp' | 'tcp'): readonly Buffer[] => {
    queries.push(query)
    return [answer(query, transport, queries.length) ?? []].flat() as Buffer[]
  }
  const tcp = net.createServer(socket => {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    socket.on('data', chunk => {
      for (const message of answersTo(chunk.subarray(2), 'tcp')) socket.write(framed(message))
    })
  })
  tcp.listen(0, loopback)
  await once(tcp, 'listening')
  const { port } = tcp.address() as AddressInfo
  const udp = createSocket('udp4')
  udp.on('message', (query, from) => {
    sources.push(from.port)
    for (const message of answersTo(query, 'udp')) udp.send(message, from.port, from.address)
  })
  udp.bind(port, loopback)
  await once(udp, 'listening')
  t.teardown(() => {
    udp.close()
    tcp.close()
  })
  return { address: { host: loopback, port }, queries, sources }
}

export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** A UDP client that asks and waits for one answer. */
export function udpClient(t: Test, port: number) {
  const socket: Socket = createSocket('udp4')
  t.teardown(() => socket.close())
  return {
    send: (message: Buffer): void => socket.send(message, port, loopback),
    ask: async (message: Buffer): Promise<Buffer> => {
      socket.send(message, port, loopback)
      const [answer] = (await once(socket, 'message')) as [Buffer]
      return answer
    },
  }
}
