import { ExchangeError } from '../../base/errors.ts'
import type { RateLimit, RateQuota } from '../../model/policy/rate-limit.ts'
import {
  gcraRemaining,
  GcraTable,
  gcraTake,
  gcraWaitMs,
  type GcraCell,
  type GcraRate,
} from '../../resilience/gcra.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { HeaderMatcher, OperationMatcher } from './request-matcher.ts'
import type { RequestView } from './request-view.ts'
import { TextPatterns } from './text-patterns.ts'

/** Keys of one limit that are told apart: some megabytes at most. */
const maxKeys = 10_000
/** A longer value of a header is no key of its own. */
const maxKeyLength = 256
const tooLong = ' '

/** All limits of a snapshot. A request passes when each that it concerns has room, and only then counts for any. */
export class RateLimiter {
  readonly #limits: readonly ActiveLimit[]
  /** What the request at hand counts for; the arrays are used again. */
  readonly #cells: GcraCell[] = []
  readonly #rates: GcraRate[] = []

  constructor(limits: readonly ActiveLimit[]) {
    this.#limits = limits
  }

  get limits(): readonly ActiveLimit[] {
    return this.#limits
  }

  /** Undefined: it passes. */
  refusal(view: RequestView, exchange: Exchange): ExchangeError | undefined {
    const { request, stream, startedAt: now } = exchange
    let count = 0
    for (const limit of this.#limits) {
      if (!limit.concerns(view)) continue
      const { peerIdentity } = stream.connection
      const rate = limit.rateOf(peerIdentity)
      const cell = limit.cellOf(limit.keyOf(request.headers, peerIdentity), now)
      const waitMs = gcraWaitMs(rate, cell, now)
      if (waitMs > 0) return limit.refuse(rate, cell, now)
      this.#cells[count] = cell
      this.#rates[count] = rate
      count++
    }
    for (let i = 0; i < count; i++) {
      const rate = this.#rates[i]
      const cell = this.#cells[i]
      if (rate !== undefined && cell !== undefined) gcraTake(rate, cell, now)
    }
    return undefined
  }
}

interface LimitRate extends GcraRate {
  /** For callers: the quota itself. */
  readonly policyField: string
}

/** One limit with what it remembers; it outlives the snapshots that have it. */
export class ActiveLimit {
  readonly name: string
  refused = 0
  readonly #limit: RateLimit
  readonly #share: number
  readonly #table = new GcraTable(maxKeys)
  readonly #ports: ReadonlySet<number> | undefined
  readonly #operation: OperationMatcher
  readonly #headers: readonly HeaderMatcher[]
  readonly #isForAll: boolean
  readonly #rate: LimitRate
  readonly #overrides: readonly { readonly callers: TextPatterns; readonly rate: LimitRate }[]

  /** @param share of the quota that this data plane has, 0–1. */
  constructor(limit: RateLimit, share: number) {
    const { name, ports, quota, match = {}, overrides } = limit
    this.name = name
    this.#limit = limit
    this.#share = share
    this.#ports = ports && new Set(ports)
    this.#isForAll = limit.match === undefined
    // A limit shuts: what can't be told counts.
    this.#operation = new OperationMatcher(match, 'loose')
    this.#headers = (match.headers ?? []).map(
      header => new HeaderMatcher(header.name, header, 'loose'),
    )
    this.#rate = this.#rateOf(quota)
    this.#overrides = overrides.map(({ caller, quota: own }) => ({
      callers: new TextPatterns([caller]),
      rate: this.#rateOf(own),
    }))
  }

  /** Whether it may go on counting for a limit of another snapshot. */
  isFor(limit: RateLimit): boolean {
    return JSON.stringify(limit) === JSON.stringify(this.#limit)
  }

  /** Of the application. */
  isOn(port: number): boolean {
    return this.#ports?.has(port) ?? true
  }

  concerns(view: RequestView): boolean {
    if (!this.isOn(view.port)) return false
    if (this.#isForAll) return true
    if (!this.#operation.matches(view)) return false
    for (const header of this.#headers) if (!header.matches(view)) return false
    return true
  }

  rateOf(peerIdentity: string | undefined): LimitRate {
    if (peerIdentity !== undefined)
      for (const { callers, rate } of this.#overrides)
        if (callers.matches(peerIdentity)) return rate
    return this.#rate
  }

  keyOf(headers: Exchange['request']['headers'], peerIdentity: string | undefined): string {
    const { key } = this.#limit
    if (key.kind === 'none') return ''
    if (key.kind === 'caller') return peerIdentity ?? ''
    const value = headers.get(key.name) ?? ''
    return value.length > maxKeyLength ? tooLong : value
  }

  cellOf(key: string, now: number): GcraCell {
    return this.#table.cell(key, now)
  }

  /** draft-ietf-httpapi-ratelimit-headers-10; only a caller that is refused pays for the text. */
  refuse(rate: LimitRate, cell: GcraCell, now: number): ExchangeError {
    this.refused++
    const seconds = Math.max(1, Math.ceil(gcraWaitMs(rate, cell, now) / 1000))
    const error = new ExchangeError(
      'rate_limited',
      `this service takes no more requests like this now; try again in ${seconds} s`,
    )
    const remaining = gcraRemaining(rate, cell, now)
    error.fields = {
      'retry-after': String(seconds),
      'ratelimit-policy': rate.policyField,
      ratelimit: `"${publicName(this.name)}";r=${remaining};t=${seconds}`,
    }
    return error
  }

  #rateOf({ requests, perMs, burst }: RateQuota): LimitRate {
    return {
      policyField: `"${publicName(this.name)}";q=${requests};w=${Math.ceil(perMs / 1000)}`,
      intervalMs: perMs / requests / this.#share,
      burst: Math.max(1, Math.floor(burst * this.#share)),
    }
  }
}

/** The name of a policy is nobody's business but the owner's. */
function publicName(name: string): string {
  return `limit-${name.slice(name.lastIndexOf('/') + 1)}`
}
