import type { SocketAddress } from '../../model/bootstrap.ts'
import { headerFlags, isAnswerTo, responseCodes, type Query } from './message.ts'
import { askUpstream, type Transport } from './upstream-exchange.ts'

export interface ForwarderOptions {
  /** Tried in this order. */
  readonly resolvers: readonly SocketAddress[]
  /** An id that nobody can guess, 0 to 65535. */
  readonly randomId: () => number
  /** For one resolver. Default 2000. */
  readonly timeoutMs?: number
  /** Queries waiting for an answer; further ones fail at once. Default 1024. */
  readonly maxWaiting?: number
}

/**
 * Asks the resolvers beyond the mesh. Queries that are the same but for their id share one question, so that nobody can
 * have many tries at forging its answer (RFC 5452 §6), and one that comes back to us in a loop waits for itself and
 * ends with the timeout, instead of going round.
 */
export class Forwarder {
  readonly resolvers: readonly SocketAddress[]
  readonly #options: ForwarderOptions
  readonly #asked = new Map<string, Promise<Buffer | undefined>>()
  readonly #waits = new Set<AbortController>()
  #waiting = 0
  #closed = false

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.resolvers = options.resolvers
  }

  /** The answer, with the query's id, perhaps an error of the last resolver; undefined when none answered in time. */
  async forward(message: Buffer, query: Query, transport: Transport): Promise<Buffer | undefined> {
    if (this.#waiting >= (this.#options.maxWaiting ?? 1024)) return undefined
    this.#waiting++
    try {
      const shared = await this.#ask(message, query, transport)
      if (shared === undefined) return undefined
      const answer = Buffer.from(shared)
      answer.writeUInt16BE(query.id, 0)
      return answer
    } finally {
      this.#waiting--
    }
  }

  /** Ends all waits. */
  close(): void {
    this.#closed = true
    for (const wait of this.#waits) wait.abort()
  }

  #ask(message: Buffer, query: Query, transport: Transport): Promise<Buffer | undefined> {
    const key = `${transport}${message.toString('latin1', 2)}`
    const former = this.#asked.get(key)
    if (former !== undefined) return former
    const asked = this.#askInTurn(Buffer.from(message), query, transport).finally(() =>
      this.#asked.delete(key),
    )
    this.#asked.set(key, asked)
    return asked
  }

  async #askInTurn(
    message: Buffer,
    query: Query,
    transport: Transport,
  ): Promise<Buffer | undefined> {
    const { randomId, timeoutMs = 2000 } = this.#options
    let declined: Buffer | undefined
    for (const resolver of this.resolvers) {
      if (this.#closed) break
      const id = randomId()
      message.writeUInt16BE(id, 0)
      const wait = new AbortController()
      const timer = setTimeout(() => wait.abort(), timeoutMs)
      this.#waits.add(wait)
      try {
        const accepts = (answer: Buffer): boolean => isAnswerTo(answer, query, id)
        const question = { message, resolver, accepts, signal: wait.signal }
        declined = await askUpstream(transport, question)
        if (!declines(declined)) return declined
      } catch {
        // The next one may know; that none did is counted, and SERVFAIL tells the client.
      } finally {
        clearTimeout(timer)
        this.#waits.delete(wait)
      }
    }
    return declined
  }
}

/** As the resolver of the C library does, which would have asked the next one too. */
function declines(answer: Buffer): boolean {
  const code = answer.readUInt16BE(2) & headerFlags.responseCode
  return (
    code === responseCodes.serverFailure ||
    code === responseCodes.notImplemented ||
    code === responseCodes.refused
  )
}
