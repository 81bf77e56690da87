import { HeaderList } from '../../http/headers.ts'
import type { LocalAnswer } from '../local-reply.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { GuardedHeaders } from './guarded-headers.ts'
import type {
  PluginContext,
  PluginMetadata,
  PluginRequest,
  PluginRequestContext,
} from './plugin.ts'

const maxEntries = 32
const maxKeyLength = 128
const maxEntryLength = 1024
const maxAnswerBytes = 64 * 1024

/** What plugins know of one exchange between their hooks. */
export class PluginExchange implements PluginMetadata {
  /** Plugins whose `onRequest` was reached, in the order of the settings. */
  reached = 0
  /** A plugin has failed it, so that its other hooks are not asked about the answer that says so. */
  failed = false
  #entries: Map<string, string> | undefined

  get(key: string): string | undefined {
    return this.#entries?.get(key)
  }

  set(key: string, value: string): void {
    this.#entries ??= new Map()
    if (key.length > maxKeyLength || value.length > maxEntryLength)
      throw new RangeError(
        `metadata has keys of ${maxKeyLength} and values of ${maxEntryLength} characters at most`,
      )
    if (this.#entries.size >= maxEntries && !this.#entries.has(key))
      throw new RangeError(`metadata holds ${maxEntries} entries at most`)
    this.#entries.set(key, value)
  }
}

type Direction = PluginContext['direction']

export function contextOf(
  { stream }: Exchange,
  metadata: PluginMetadata,
  direction: Direction,
): PluginContext {
  const { peerIdentity, remoteAddress } = stream.connection
  return { direction, peerIdentity, remoteAddress, metadata }
}

/** One `onRequest` of one plugin, until it is settled. */
export class RequestCall implements PluginRequestContext {
  readonly request: PluginRequest
  readonly direction: Direction
  readonly peerIdentity: string | undefined
  readonly remoteAddress: string
  readonly metadata: PluginMetadata
  /** Undefined: the exchange goes on. */
  answer: LocalAnswer | undefined
  readonly #headers: GuardedHeaders
  #abort: AbortController | undefined
  #closed = false

  constructor(exchange: Exchange, metadata: PluginMetadata, direction: Direction) {
    const { method, authority, path, headers } = exchange.request
    this.#headers = new GuardedHeaders(headers)
    this.request = { method, authority, path, headers: this.#headers }
    this.direction = direction
    this.peerIdentity = exchange.stream.connection.peerIdentity
    this.remoteAddress = exchange.stream.connection.remoteAddress
    this.metadata = metadata
  }

  /** Made for those who ask. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#closed) this.#abort.abort()
    return this.#abort.signal
  }

  respond(
    status: number,
    headers: Readonly<Record<string, string>> = {},
    body: string | Uint8Array = '',
  ): void {
    if (this.#closed)
      throw new TypeError('the hook of the plugin has ended: nobody can be answered')
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new TypeError(`${status} is no status of an answer`)
    const bytes = Buffer.from(body)
    if (bytes.length > maxAnswerBytes)
      throw new TypeError(`the body is over ${maxAnswerBytes} bytes`)
    const fields = new HeaderList()
    const guarded = new GuardedHeaders(fields)
    for (const [name, value] of Object.entries(headers)) guarded.append(name, value)
    this.answer = { status, headers: fields, body: bytes }
  }

  /** What the plugin does from now on changes nothing. */
  close(): void {
    this.#closed = true
    this.#headers.close()
    this.#abort?.abort()
  }
}
