import type { Now } from '../../../base/clock.ts'
import type { Random } from '../../../base/random.ts'
import { asksForTunnel } from '../../../http/message.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import type { Filter } from '../../exchange/filter.ts'
import { targetPortHeader } from '../../mesh-headers.ts'
import type { ActiveCluster } from '../../upstream/cluster.ts'
import { MirroredRequest } from './mirrored-request.ts'

/** Copies in flight to one cluster; beyond them requests go uncopied. */
const mostMirrors = 1024

export interface MirrorOptions {
  readonly cluster: ActiveCluster
  /** Share of the requests, 0–1. */
  readonly ratio: number
  readonly now: Now
  readonly random: Random
}

/**
 * RequestMirror. The copy has what filters before it made of the request. How it ends counts neither against the
 * endpoint nor for the circuit breaker: nobody waits for it.
 */
export class MirrorFilter implements Filter {
  readonly #options: MirrorOptions

  constructor(options: MirrorOptions) {
    this.#options = options
  }

  onRequest(exchange: Exchange): boolean {
    const { ratio, random } = this.#options
    // What becomes a tunnel has two ends, and no copy.
    if (!asksForTunnel(exchange.request) && (ratio >= 1 || random() < ratio)) this.#mirror(exchange)
    return true
  }

  #mirror(exchange: Exchange): void {
    const { cluster, now } = this.#options
    const { mirrors: stats } = cluster
    const endpoint = stats.active < mostMirrors ? cluster.pick(now(), undefined) : undefined
    if (endpoint === undefined) {
      stats.ended.dropped++
      return
    }
    const { request } = exchange
    const protocol = cluster.protocolFor(request)
    const headers = request.headers.clone()
    if (endpoint.endpoint.mesh !== undefined)
      headers.set(targetPortHeader, endpoint.targetPorts[protocol])
    const mirrored = new MirroredRequest(
      { ...request, headers, expectContinue: false },
      { endpoint, protocol, stats, now },
    )
    if (request.bodyLength !== 0) {
      exchange.mirrors ??= []
      exchange.mirrors.push(mirrored)
    }
    mirrored.start()
    // Of a request that was held up by a plugin some has come already.
    exchange.body?.copyTo(mirrored)
  }
}
