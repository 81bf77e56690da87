import type { Now } from '../../base/clock.ts'
import { ConnectionFault, errorCode } from './protocol.ts'
import { TokenBucket } from './token-bucket.ts'

/**
 * Bounds what a peer can make us do for nothing. The figures are far above what honest peers need: gRPC
 * deadlines cancel thousands of streams of one sidecar at once, and losing the connection would fail all others.
 */
export class FloodGuard {
  /** Streams reset before their end (CVE-2023-44487), by the peer or by us for its faults (CVE-2025-8671). */
  readonly #resets: TokenBucket
  /** SETTINGS, PING, PRIORITY, empty DATA, unknown frames, frames for streams that are gone. */
  readonly #control: TokenBucket
  /**
   * The peer is a sidecar, which has proven so: it bounds its own clients, and what one of them cancels must not cost
   * the others their connection.
   */
  readonly #passesResetsOn: boolean
  #streams = 0
  #windowUpdates = 0

  constructor(now: Now, { passesResetsOn }: { readonly passesResetsOn: boolean }) {
    this.#passesResetsOn = passesResetsOn
    this.#resets = new TokenBucket(5000, 1000, now)
    this.#control = new TokenBucket(10_000, 1000, now)
  }

  prematureReset(): void {
    if (!this.#resets.take(1)) throw flood('stream resets')
  }

  /** RST_STREAM came for a stream that had not ended. */
  resetByPeer(): void {
    if (!this.#passesResetsOn) this.prematureReset()
  }

  /** A frame came for a stream that is over. */
  late(): void {
    if (!this.#passesResetsOn) this.control(1)
  }

  /** A frame that asks for work and brings none. */
  control(cost: number): void {
    if (!this.#control.take(cost)) throw flood('control frames')
  }

  streamOpened(): void {
    this.#streams++
  }

  /** @param dataFrames that we have sent: the honest reason for WINDOW_UPDATE, next to new streams. */
  windowUpdate(dataFrames: number): void {
    this.#windowUpdates++
    if (this.#windowUpdates > 1000 + 4 * (dataFrames + this.#streams))
      throw flood('WINDOW_UPDATE frames')
  }
}

function flood(what: string): ConnectionFault {
  return new ConnectionFault(errorCode.enhanceYourCalm, `flood of ${what}`)
}
