import type { AccessLog } from '../../telemetry/access-log.ts'
import type { Now } from '../../base/clock.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'

export interface AccessLogFilterOptions {
  readonly log: AccessLog
  readonly direction: 'inbound' | 'outbound'
  readonly wallNow: Now
}

/** First in the chain, so that it sees every exchange end, those refused by other filters too. */
export class AccessLogFilter implements Filter {
  readonly #options: AccessLogFilterOptions

  constructor(options: AccessLogFilterOptions) {
    this.#options = options
  }

  onComplete(exchange: Exchange): void {
    const { log, direction, wallNow } = this.#options
    const { request, reason, status, startedAt, endedAt, policyNote } = exchange
    if (!log.wants(exchange.outcome, reason, endedAt, policyNote !== undefined)) return
    const durationMs = endedAt - startedAt
    const { authority, path } = exchange.asked ?? request
    log.write({
      time: wallNow() - durationMs,
      direction,
      method: request.method,
      authority,
      path,
      status,
      grpcStatus: exchange.grpcStatus,
      reason,
      policy: policyNote?.policy,
      verdict: policyNote?.verdict,
      caller: direction === 'inbound' ? exchange.stream.connection.peerIdentity : undefined,
      durationMs,
      requestBytes: exchange.requestBytes,
      responseBytes: exchange.responseBytes,
      route: exchange.route?.name ?? '',
      endpoint: exchange.lastEndpoint,
      attempts: exchange.attempts,
    })
  }
}
