import { metricFamily } from '../../telemetry/metric-catalog.ts'
import type { MetricFamily } from '../../telemetry/metric-family.ts'
import type { DnsMode } from '../dns/dns-mode.ts'

/** Its own, and its part of the connections of applications. */
export function* dnsMetrics(dns: DnsMode): Iterable<MetricFamily> {
  const { queries, bindFailures, services } = dns.status
  yield metricFamily('connectionsActive', [
    { labels: { direction: 'outbound' }, value: dns.connections },
  ])
  yield metricFamily(
    'dnsQueries',
    Object.entries(queries).map(([outcome, value]) => ({ labels: { outcome }, value })),
  )
  const ports = services.flatMap(service => service.ports)
  const bound = ports.filter(({ code }) => code === 'bound').length
  yield metricFamily('dnsListeners', [
    { labels: { state: 'bound' }, value: bound },
    { labels: { state: 'failed' }, value: ports.length - bound },
  ])
  yield metricFamily('dnsBindFailures', [{ labels: {}, value: bindFailures }])
}
