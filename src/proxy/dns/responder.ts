import type { Forwarder } from './forwarder.ts'
import { readQuery, responseCodes, type Query } from './message.ts'
import { fitDatagram, writeFault, writeReply } from './reply.ts'
import type { Transport } from './upstream-exchange.ts'
import { lookUp, type Zone } from './zone.ts'

/** Longest query that is read, in bytes: a name has at most 255, and options add a few. */
export const maxQueryBytes = 4096

/**
 * What became of a message: answered for the mesh, answered by a resolver beyond it, refused because there is none, failed
 * (no resolver answered, too many waiting, or a name of the mesh whose ports could not be bound), refused as malformed
 * or unsupported, dropped without an answer.
 */
export type DnsOutcome =
  | 'mesh'
  | 'forwarded'
  | 'refused'
  | 'failed'
  | 'malformed'
  | 'unsupported'
  | 'dropped'

/** Decides on each message, whatever it came by. */
export class Responder {
  /** Names of the snapshot in force. */
  zone: Zone = new Map()
  readonly counts: Record<DnsOutcome, number> = {
    mesh: 0,
    forwarded: 0,
    refused: 0,
    failed: 0,
    malformed: 0,
    unsupported: 0,
    dropped: 0,
  }
  readonly #forwarder: Forwarder

  constructor(forwarder: Forwarder) {
    this.#forwarder = forwarder
  }

  /** The answer, perhaps later; undefined when there is none to give. Neither throws nor rejects. */
  respond(message: Buffer, transport: Transport): Buffer | Promise<Buffer> | undefined {
    const query = message.length > maxQueryBytes ? undefined : readQuery(message)
    if (query === undefined) {
      this.counts.dropped++
      return undefined
    }
    if ('code' in query) {
      const unsupported = query.code === responseCodes.notImplemented
      this.counts[unsupported ? 'unsupported' : 'malformed']++
      return writeFault(query, query.code)
    }
    return this.#answer(message, query, transport)
  }

  #answer(message: Buffer, query: Query, transport: Transport): Buffer | Promise<Buffer> {
    // RFC 6891 §6.1.3.
    if (query.edns !== undefined && query.edns.version !== 0)
      return this.#fail(query, 'unsupported', responseCodes.badVersion)
    const reply = lookUp(this.zone, query)
    if (reply !== undefined) {
      this.counts[reply.kind === 'error' ? 'failed' : 'mesh']++
      return writeReply(query, reply, this.#recursion)
    }
    if (!this.#recursion) return this.#fail(query, 'refused', responseCodes.refused)
    return this.#forward(message, query, transport)
  }

  async #forward(message: Buffer, query: Query, transport: Transport): Promise<Buffer> {
    const answer = await this.#forwarder.forward(message, query, transport)
    if (answer === undefined) return this.#fail(query, 'failed', responseCodes.serverFailure)
    this.counts.forwarded++
    return transport === 'udp' ? fitDatagram(answer, query) : answer
  }

  #fail(
    query: Query,
    outcome: DnsOutcome,
    code: (typeof responseCodes)[keyof typeof responseCodes],
  ): Buffer {
    this.counts[outcome]++
    return writeReply(query, { kind: 'error', code }, this.#recursion)
  }

  get #recursion(): boolean {
    return this.#forwarder.resolvers.length > 0
  }
}
