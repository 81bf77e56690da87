import t from 'tap'
import { createControlCounters } from '../../../src/control/control-counters.ts'
import { controlMetrics } from '../../../src/control/control-metrics.ts'
import type { MeshStatus, SidecarStatus } from '../../../src/control/status.ts'
import type { Identity } from '../../../src/identity/identity.ts'
import { MetricsRegistry } from '../../../src/telemetry/metrics.ts'

const sidecar: SidecarStatus = {
  namespace: 'default',
  name: 'web',
  identity: 'spiffe://weft.local/ns/default/sa/web',
  connected: true,
  ready: true,
}
const problem = { file: 'mesh.yaml', line: 1, column: 1, path: '', message: 'no' }

t.test('counters and the state of the mesh are read at the scrape', async t => {
  const counters = createControlCounters()
  let status: MeshStatus = {
    trustDomain: 'weft.local',
    configuration: { loadedAt: '', problems: [] },
    sidecars: [],
    functions: [],
    platforms: {},
  }
  const registry = new MetricsRegistry()
  const identity = (): Identity => ({ notAfter: 5000 }) as Identity
  registry.register(
    controlMetrics({
      counters,
      status: () => status,
      identity,
      scaling: () => [{ function: 'hello.default', wanted: 2, ready: 1 }],
    }),
  )

  const before = (await registry.expose()).body
  t.match(before, /^weft_control_sidecars_connected 0$/m)
  t.match(before, /^weft_certificate_expiry_timestamp_seconds 5$/m)

  for (const [index, key] of Object.keys(counters).entries())
    counters[key as keyof typeof counters] = index + 1
  status = {
    ...status,
    configuration: { loadedAt: '', problems: [problem, problem] },
    sidecars: [
      { ...sidecar, synced: true },
      { ...sidecar, synced: false },
      { ...sidecar, connected: false },
    ],
  }
  const lines = (await registry.expose()).body.split('\n').filter(line => !line.startsWith('#'))
  t.strictSame(lines.filter(line => line.startsWith('weft_control')).toSorted(), [
    'weft_control_acks_total 2',
    'weft_control_certificates_total 8',
    'weft_control_configuration_problems 2',
    'weft_control_function_hosts{function="hello.default",state="ready"} 1',
    'weft_control_function_hosts{function="hello.default",state="wanted"} 2',
    'weft_control_handshake_failures_total 7',
    'weft_control_nacks_total 3',
    'weft_control_protocol_errors_total 6',
    'weft_control_pushes_total 1',
    'weft_control_refused_total 5',
    'weft_control_sidecars_connected 2',
    'weft_control_sidecars_synced 1',
    'weft_control_stalled_streams_total 4',
  ])
})
