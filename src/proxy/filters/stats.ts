import type { RequestStats } from '../../telemetry/request-stats.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'

/** Counts each exchange where it belongs: with its cluster, or with the listener when it reached none. */
export class StatsFilter implements Filter {
  readonly unrouted: RequestStats

  constructor(unrouted: RequestStats) {
    this.unrouted = unrouted
  }

  onComplete(exchange: Exchange): void {
    const stats = exchange.cluster?.stats ?? this.unrouted
    const { outcome, reason, startedAt, endedAt, tunnelOpenedAt } = exchange
    if (tunnelOpenedAt !== undefined) {
      // How long it lasted says nothing of how fast the service is.
      stats.observe(outcome, reason, tunnelOpenedAt - startedAt)
      stats.tunnels.closed++
      stats.tunnels.durationMs += endedAt - tunnelOpenedAt
      return
    }
    stats.observe(outcome, reason, endedAt - startedAt)
    stats.requestBytes += exchange.requestBytes
    stats.responseBytes += exchange.responseBytes
  }
}
