import type { Logger } from '../../base/log.ts'
import { HeaderList } from '../../http/headers.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { metricFamily } from '../../telemetry/metric-catalog.ts'
import type { MetricFamily } from '../../telemetry/metric-family.ts'
import { askApplication } from './ask-application.ts'
import { readExposition, seriesNames, writeFamily, type Exposed } from './exposition.ts'

export interface ApplicationMetricsOptions {
  readonly address: SocketAddress
  readonly path: string
  readonly logger: Logger
  /** Gives up early. */
  readonly signal: AbortSignal
  /** For connecting and the whole answer. Default 2000. */
  readonly timeoutMs?: number
  /** Of the answer. Default 4 MiB. */
  readonly maxBytes?: number
}

const defaultTimeoutMs = 2000
const defaultMaxBytes = 4 * 1024 * 1024
/** As many names of families that were left out are remembered, so that each is logged once. */
const maxLoggedNames = 1000

/** What the application exposes itself, to be shown below ours. Its failures are counted, and cost ours nothing. */
export class ApplicationMetrics {
  readonly #options: ApplicationMetricsOptions
  readonly #logged = new Set<string>()
  #running: Promise<Exposed | undefined> | undefined
  #up: boolean | undefined
  #failures = 0
  #leftOut = 0

  constructor(options: ApplicationMetricsOptions) {
    this.#options = options
  }

  /** Undefined when it has none to show. One question at a time: who asks meanwhile gets the same answer. */
  fetch(): Promise<Exposed | undefined> {
    this.#running ??= this.#fetch().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Both one below the other. A family that both have would make the whole invalid, so that ours stays. */
  async merge(own: string, { families }: Exposed): Promise<string> {
    const ours = new Set([...(await readExposition(own)).families.values()].flatMap(seriesNames))
    const leftOut: string[] = []
    const parts = [own]
    for (const family of families.values()) {
      if (seriesNames(family).some(name => ours.has(name))) leftOut.push(family.name)
      else parts.push(writeFamily(family))
    }
    this.#leftOut += leftOut.length
    this.#logLeftOut(leftOut)
    return parts.join('')
  }

  *metrics(): Iterable<MetricFamily> {
    const single = (value: number) => [{ labels: {}, value }]
    yield metricFamily('applicationMetricsUp', single(this.#up === true ? 1 : 0))
    yield metricFamily('applicationMetricsFailures', single(this.#failures))
    yield metricFamily('applicationMetricsLeftOut', single(this.#leftOut))
  }

  async #fetch(): Promise<Exposed | undefined> {
    try {
      const exposed = await readExposition(await this.#ask())
      this.#change(true)
      return exposed
    } catch (error) {
      this.#failures++
      this.#change(false, error)
      return undefined
    }
  }

  /** @throws Error that says why it is of no use. */
  async #ask(): Promise<string> {
    const { address, path, signal } = this.#options
    const { timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes } = this.#options
    const { status, headers, body, cut } = await askApplication({
      address,
      wire: 'http',
      method: 'GET',
      path,
      headers: HeaderList.of({
        accept: 'text/plain;version=0.0.4;q=1,text/plain;q=0.5',
        'user-agent': 'weft',
      }),
      timeoutMs,
      maxBodyBytes: maxBytes,
      signal,
    })
    if (status !== 200) throw new Error(`it answered ${status}`)
    if (cut) throw new Error(`it is longer than ${maxBytes} bytes`)
    const type = headers.get('content-type') ?? 'text/plain'
    if (!/^text\/plain(?:;|$)/i.test(type)) throw new Error(`it is ${type}, not text/plain`)
    const encoding = headers.get('content-encoding') ?? 'identity'
    if (encoding !== 'identity') throw new Error(`it is encoded: ${encoding}`)
    return body.toString()
  }

  /** Logged when it changes, and not at every scrape. */
  #change(up: boolean, error?: unknown): void {
    if (this.#up === up) return
    this.#up = up
    const { address, path, logger } = this.#options
    if (up) logger.info({ address, path }, "the application's metrics are there")
    else logger.warn({ address, path, error }, "the application's metrics are left out")
  }

  #logLeftOut(names: readonly string[]): void {
    const fresh = names.filter(name => !this.#logged.has(name))
    if (fresh.length === 0 || this.#logged.size >= maxLoggedNames) return
    for (const name of fresh) this.#logged.add(name)
    const { logger } = this.#options
    logger.warn({ families: fresh.slice(0, 20) }, 'metrics of the application that Weft has too')
  }
}
