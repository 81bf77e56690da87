import type { Configuration } from '../../model/configuration.ts'
import type { ServiceResource } from '../../model/kinds/service.ts'
import { formatTable } from '../table.ts'
import type { MeshPlan, WorkloadPlan } from './plan.ts'

/** Process ids of a workload; undefined for what does not run. */
export interface WorkloadPids {
  readonly application: number | undefined
  readonly sidecar: number | undefined
}

/** What runs where. */
export function formatProcesses(plan: MeshPlan, pids: ReadonlyMap<string, WorkloadPids>): string {
  const head = ['WORKLOAD', 'PORT', 'PID', 'OUTBOUND', 'INBOUND', 'ADMIN', 'SIDECAR PID']
  const rows = plan.workloads.map(({ name, application, sidecar }) => {
    const { bootstrap } = sidecar ?? {}
    const ports = application?.ports ?? bootstrap?.application.ports ?? []
    const running = pids.get(name)
    return [
      name,
      ports.join(', '),
      running?.application,
      bootstrap?.outbound.port,
      bootstrap?.inbound.port,
      bootstrap?.admin.port,
      running?.sidecar,
    ].map(cell => String(cell ?? '-'))
  })
  const { push, admin } = plan.control.bootstrap
  const control = `control plane: push ${push.port}, status http://${admin.host}:${admin.port}/status`
  return `${formatTable([head, ...rows])}\n${control}`
}

/** Commands that send a first request through the mesh. */
export function suggestRequests(plan: MeshPlan, { services }: Configuration): string[] {
  const suggestions: string[] = []
  const [entry] = plan.workloads.filter(({ sidecar }) => sidecar !== undefined)
  const service = services.find(candidate => entry !== undefined && selects(candidate, entry))
  if (entry?.sidecar !== undefined && service !== undefined) {
    const { host, port } = entry.sidecar.bootstrap.outbound
    suggestions.push(`curl http://${host}:${port}/ -H 'Host: ${authorityOf(service)}'`)
  }
  const [upstream] = entry?.sidecar?.bootstrap.upstreams ?? []
  if (upstream !== undefined)
    suggestions.push(
      `curl http://${upstream.host}:${upstream.port}/  # ${upstream.service}, as ${entry?.name} calls it`,
    )
  return suggestions
}

function selects({ spec }: ServiceResource, { labels }: WorkloadPlan): boolean {
  const wanted = Object.entries(spec.selector ?? {})
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value)
}

/** The shortest name that routes know: port 80, or a Service's only port, goes without saying. */
function authorityOf({ metadata, spec }: ServiceResource): string {
  const ports = spec.ports.map(({ port }) => port)
  const [first] = ports
  return ports.length === 1 || ports.includes(80) ? metadata.name : `${metadata.name}:${first}`
}
