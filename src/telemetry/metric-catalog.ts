import type { MetricFamily, Sample } from './metric-family.ts'

/** Names and meanings of the metrics whose owners count plain numbers, in one place so that none is made twice. */
const catalog = {
  circuitBreakerState: {
    name: 'weft_circuit_breaker_state',
    help: 'State of the circuit breaker: 0 closed, 1 half-open, 2 open.',
    type: 'gauge',
    across: 'max',
  },
  routeCircuitBreakerState: {
    name: 'weft_route_circuit_breaker_state',
    help: 'State of the circuit breaker that a route has of its own: 0 closed, 1 half-open, 2 open.',
    type: 'gauge',
    across: 'max',
  },
  concurrencyLimit: {
    name: 'weft_concurrency_limit',
    help: 'Requests that may be in flight, where the limit follows the latency.',
    type: 'gauge',
  },
  requestsQueued: {
    name: 'weft_requests_queued',
    help: 'Requests that wait for the concurrency limit.',
    type: 'gauge',
  },
  overloadPressure: {
    name: 'weft_overload_pressure',
    help: 'How overloaded the sidecar itself is: 0 not at all, 1 so that only critical requests are let in.',
    type: 'gauge',
    across: 'max',
  },
  overloadShed: {
    name: 'weft_overload_shed_requests_total',
    help: 'Requests turned away because the sidecar itself was overloaded.',
    type: 'counter',
  },
  endpointEjections: {
    name: 'weft_endpoint_ejections_total',
    help: 'Endpoints taken out of the rotation by the outlier detector.',
    type: 'counter',
  },
  mirroredRequests: {
    name: 'weft_mirrored_requests_total',
    help: 'Copies of requests for the cluster, by what became of them: answered, failed, overflow (the mirror took the body too slowly), dropped (not sent).',
    type: 'counter',
  },
  endpoints: {
    name: 'weft_endpoints',
    help: 'Endpoints of the cluster, by whether they may serve now.',
    type: 'gauge',
    across: 'max',
  },
  requestsActive: {
    name: 'weft_requests_active',
    help: 'Requests in flight.',
    type: 'gauge',
  },
  connectionsActive: {
    name: 'weft_connections_active',
    help: 'Open connections.',
    type: 'gauge',
  },
  plainConnections: {
    name: 'weft_plain_connections_total',
    help: 'Inbound connections without mTLS that permissive mode let in.',
    type: 'counter',
  },
  authorizationDecisions: {
    name: 'weft_authorization_decisions_total',
    help: 'Calls by the AuthorizationPolicy that decided about them, and how: allowed, denied, would_deny, audited.',
    type: 'counter',
  },
  authenticationTokens: {
    name: 'weft_authentication_tokens_total',
    help: 'Tokens of callers, by what became of them: verified, cached, refused.',
    type: 'counter',
  },
  authenticationKeyFetches: {
    name: 'weft_authentication_key_fetches_total',
    help: 'Fetches of the keys of issuers, by outcome: fetched, failed.',
    type: 'counter',
  },
  rateLimited: {
    name: 'weft_rate_limited_requests_total',
    help: 'Calls that a rate limit has turned away.',
    type: 'counter',
  },
  protocolDetections: {
    name: 'weft_protocol_detections_total',
    help: 'Connections whose protocol was found out because their port does not declare it; one that was silent first may show itself later, and counts again.',
    type: 'counter',
  },
  handshakeFailures: {
    name: 'weft_tls_handshake_failures_total',
    help: 'Inbound connections refused because the peer did not prove an identity of the mesh.',
    type: 'counter',
  },
  controlPlaneConnected: {
    name: 'weft_control_plane_connected',
    help: 'Whether the stream to the control plane stands: 1 or 0.',
    type: 'gauge',
  },
  certificateExpiry: {
    name: 'weft_certificate_expiry_timestamp_seconds',
    help: 'When the certificate ends, in seconds since 1970.',
    type: 'gauge',
  },
  snapshotInfo: {
    name: 'weft_snapshot_info',
    help: 'Always 1; the label tells the version in use.',
    type: 'gauge',
  },
  snapshotAge: {
    name: 'weft_snapshot_age_seconds',
    help: 'Time since the snapshot in use was taken over.',
    type: 'gauge',
  },
  snapshotsRejected: {
    name: 'weft_snapshots_rejected_total',
    help: 'Snapshots that were answered with a nack.',
    type: 'counter',
  },
  dnsQueries: {
    name: 'weft_dns_queries_total',
    help: 'DNS queries by what became of them: mesh, forwarded, refused, failed, malformed, unsupported, dropped.',
    type: 'counter',
  },
  dnsListeners: {
    name: 'weft_dns_listeners',
    help: 'Ports of services on their loopback addresses, by whether they could be bound.',
    type: 'gauge',
  },
  dnsBindFailures: {
    name: 'weft_dns_bind_failures_total',
    help: 'Attempts to bind a port of a service on its loopback address that failed.',
    type: 'counter',
  },
  applicationMetricsUp: {
    name: 'weft_application_metrics_up',
    help: "Whether the application's own metrics could be had for the last scrape: 1 or 0.",
    type: 'gauge',
  },
  applicationMetricsFailures: {
    name: 'weft_application_metrics_failures_total',
    help: "Scrapes for which the application's own metrics could not be had.",
    type: 'counter',
  },
  applicationMetricsLeftOut: {
    name: 'weft_application_metrics_left_out_total',
    help: 'Families of the application that were left out of a scrape because Weft has them too.',
    type: 'counter',
  },
  eventLoopDelay: {
    name: 'weft_event_loop_delay_seconds',
    help: 'How late the event loop was since the last scrape.',
    type: 'gauge',
  },
  activationsWaiting: {
    name: 'weft_activation_waiting_requests',
    help: 'Requests that wait for a function of which nothing runs.',
    type: 'gauge',
  },
  activations: {
    name: 'weft_activation_requests_total',
    help: 'Requests for functions of which nothing ran, by what became of them: held, failed.',
    type: 'counter',
  },
  pluginCalls: {
    name: 'weft_plugin_calls_total',
    help: 'Calls of hooks of a plugin.',
    type: 'counter',
  },
  pluginErrors: {
    name: 'weft_plugin_errors_total',
    help: 'Calls of hooks of a plugin that threw, or whose promise failed or came too late.',
    type: 'counter',
  },
  pluginSlowCalls: {
    name: 'weft_plugin_slow_calls_total',
    help: 'Synchronous calls of a plugin that held up all traffic of their thread for 10 ms or more.',
    type: 'counter',
  },
  pluginAnswers: {
    name: 'weft_plugin_answers_total',
    help: 'Requests that a plugin answered itself.',
    type: 'counter',
  },
  pluginSkipped: {
    name: 'weft_plugin_skipped_total',
    help: 'Requests for which a plugin was not called, because it had failed too often in a row.',
    type: 'counter',
  },
  pluginSeconds: {
    name: 'weft_plugin_seconds_total',
    help: 'Time within synchronous calls of a plugin.',
    type: 'counter',
  },
  functionHosts: {
    name: 'weft_control_function_hosts',
    help: 'Hosts of functions that the control plane starts: wanted, ready.',
    type: 'gauge',
  },
  functionInvocations: {
    name: 'weft_function_invocations_total',
    help: 'Invocations that reached the host of the function.',
    type: 'counter',
  },
  functionFaults: {
    name: 'weft_function_faults_total',
    help: 'Invocations that an instance had, and that failed there.',
    type: 'counter',
  },
  functionThrottled: {
    name: 'weft_function_throttled_total',
    help: 'Invocations that were turned away because no instance would have had time for them.',
    type: 'counter',
  },
  functionColdStarts: {
    name: 'weft_function_cold_starts_total',
    help: 'Instances that were started.',
    type: 'counter',
  },
  functionFailedStarts: {
    name: 'weft_function_failed_starts_total',
    help: 'Instances that could not load the function.',
    type: 'counter',
  },
  functionInstances: {
    name: 'weft_function_instances',
    help: 'Instances, by what they do.',
    type: 'gauge',
  },
  functionQueued: {
    name: 'weft_function_queued',
    help: 'Invocations that wait for an instance.',
    type: 'gauge',
  },
  functionEvents: {
    name: 'weft_function_events_total',
    help: 'Events of asynchronous invocations, by what became of them.',
    type: 'counter',
  },
  functionEventsWaiting: {
    name: 'weft_function_events_waiting',
    help: 'Events in the queue of the function.',
    type: 'gauge',
  },
  functionEventsAge: {
    name: 'weft_function_events_oldest_seconds',
    help: 'Age of the oldest event in the queue of the function.',
    type: 'gauge',
  },
} as const satisfies Record<string, Omit<MetricFamily & { type: 'counter' | 'gauge' }, 'samples'>>

export function metricFamily(key: keyof typeof catalog, samples: readonly Sample[]): MetricFamily {
  return { ...catalog[key], samples }
}
