import type { Now } from '../../../base/clock.ts'
import { ExchangeError } from '../../../base/errors.ts'
import type { HeaderList } from '../../../http/headers.ts'
import type { RequestHead, ResponseHead, WireProtocol } from '../../../http/message.ts'
import type { ClientConnection, ClientStream, ResponseReceiver } from '../../../http/stream.ts'
import type { MirrorOutcome, MirrorStats } from '../../../telemetry/mirror-stats.ts'
import type { ActiveEndpoint } from '../../upstream/active-endpoint.ts'
import type { ConnectionPool, Waiter } from '../../upstream/connection-pool.ts'

/** Bytes of a body that may wait until the mirror takes them; with more the copy is given up. */
const mostWaitingBytes = 64 * 1024

/** A copy without an answer after so long is given up. */
const longestMirrorMs = 60_000

/** Where a copy goes. */
export interface MirrorTarget {
  readonly endpoint: ActiveEndpoint
  readonly protocol: WireProtocol
  readonly stats: MirrorStats
  /** Monotonic ms. */
  readonly now: Now
}

/**
 * A copy of a request on its way to one endpoint. It takes what the original is given and waits for nobody: the original
 * is neither slowed nor told how the copy fares, the answer is read and forgotten.
 */
export class MirroredRequest implements Waiter, ResponseReceiver {
  readonly #head: RequestHead
  readonly #target: MirrorTarget
  readonly #timer: NodeJS.Timeout
  /** Where it waits for a connection. */
  #pool: ConnectionPool | undefined
  #stream: ClientStream | undefined
  /** What the stream has not taken yet. */
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** The stream asked to wait. */
  #slow = false
  #ended: boolean
  #trailers: HeaderList | undefined
  #settled = false

  /** @param head its own, with headers that nobody else changes. */
  constructor(head: RequestHead, target: MirrorTarget) {
    this.#head = head
    this.#target = target
    this.#ended = head.bodyLength === 0
    target.stats.active++
    target.endpoint.active++
    target.endpoint.requests++
    const late = new ExchangeError('upstream_timeout', 'the mirror did not answer in time')
    this.#timer = setTimeout(() => this.#giveUp('failed', late), longestMirrorMs).unref()
  }

  start(): void {
    const { endpoint, protocol, now } = this.#target
    const at = now()
    this.#acquire(endpoint.pool(protocol, at), at)
  }

  onConnection(connection: ClientConnection): void {
    const bodyless = this.#head.bodyLength === 0
    this.#stream = connection.request(this.#head, this, bodyless)
    if (!bodyless) this.#flush()
  }

  onConnectFailed(error: ExchangeError): void {
    const { endpoint, now } = this.#target
    const at = now()
    const other = this.#pool && endpoint.fallback(this.#pool, error, at)
    if (other === undefined) this.#settle('failed')
    else this.#acquire(other, at)
  }

  /** As the original gets it. The chunk is lent for the call. */
  write(chunk: Buffer): void {
    if (this.#settled || this.#ended) return
    if (this.#stream !== undefined && !this.#slow) {
      this.#slow = !this.#stream.write(chunk)
      return
    }
    this.#waitingBytes += chunk.length
    if (this.#waitingBytes > mostWaitingBytes)
      return this.#giveUp('overflow', new ExchangeError('overloaded', 'the mirror is too slow'))
    this.#waiting.push(Buffer.from(chunk))
  }

  end(trailers: HeaderList | undefined): void {
    if (this.#settled || this.#ended) return
    this.#ended = true
    this.#trailers = trailers
    if (this.#stream !== undefined && !this.#slow) this.#stream.end(trailers)
  }

  /** Of a body that is not here as a whole no more will come. */
  originalEnded(): void {
    if (this.#settled || this.#ended) return
    const error = new ExchangeError('downstream_closed', 'the original request ended early')
    this.#giveUp('failed', error)
  }

  onInformational(): void {}

  onHead(_head: ResponseHead, end: boolean): void {
    if (end) this.#answered()
  }

  onBody(): void {}

  onEnd(): void {
    this.#answered()
  }

  onReset(): void {
    this.#settle('failed')
  }

  onWritable(): void {
    this.#slow = false
    this.#flush()
  }

  #acquire(pool: ConnectionPool, at: number): void {
    this.#pool = pool
    pool.acquire(this, at)
  }

  #flush(): void {
    const stream = this.#stream
    if (stream === undefined || this.#settled) return
    const chunks = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    for (const chunk of chunks) this.#slow = !stream.write(chunk)
    if (this.#ended && !this.#slow) stream.end(this.#trailers)
  }

  /** Who answers before it has read all does not want the rest. */
  #answered(): void {
    const whole = this.#ended && !this.#slow
    this.#settle('answered')
    if (!whole)
      this.#stream?.reset(new ExchangeError('upstream_closed', 'the mirror answered early'))
  }

  #giveUp(outcome: MirrorOutcome, error: ExchangeError): void {
    if (this.#settled) return
    this.#settle(outcome)
    if (this.#stream === undefined) this.#pool?.cancel(this)
    else this.#stream.reset(error)
  }

  #settle(outcome: MirrorOutcome): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#timer)
    this.#waiting = []
    const { stats, endpoint } = this.#target
    stats.active--
    stats.ended[outcome]++
    endpoint.active--
  }
}
