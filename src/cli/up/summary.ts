import type { Configuration } from '../../model/configuration.ts'
import { selects, type ServiceResource } from '../../model/kinds/service.ts'
import { formatTable } from '../table.ts'
import { functionDomain } from '../../model/function/function.ts'
import { displayName, type MeshPlan, type SidecarPlan } from './plan.ts'

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
      ports.length > 0 ? ports.join(', ') : undefined,
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

/** Commands that send a first request through the mesh, to be copied as they stand. */
export function formatSuggestions(plan: MeshPlan, { services }: Configuration): string {
  const entry = plan.workloads.find(({ sidecar }) => sidecar !== undefined)
  if (entry?.sidecar === undefined) return ''
  const { workload, outbound, upstreams } = entry.sidecar.bootstrap
  const lines: string[] = []
  const service = services.find(candidate => selects(candidate, workload))
  const authority = service && authorityOf(service)
  if (authority !== undefined)
    lines.push('Try:', `  curl http://${outbound.host}:${outbound.port}/ -H 'Host: ${authority}'`)
  const [first] = plan.workloads.flatMap(({ sidecar }) => hostedBy(sidecar))
  if (first !== undefined)
    lines.push(
      'A function:',
      `  curl http://${outbound.host}:${outbound.port}/ -H 'Host: ${first}.${functionDomain}'`,
    )
  const [upstream] = upstreams
  if (upstream !== undefined)
    lines.push(
      `As ${entry.name} calls ${upstream.service}:`,
      `  curl http://${upstream.host}:${upstream.port}/`,
    )
  return lines.join('\n')
}

/** The function that a sidecar runs, as callers in any namespace name it. */
function hostedBy(sidecar: SidecarPlan | undefined): string[] {
  if (sidecar?.bootstrap.hostsFunction !== true) return []
  return [displayName(sidecar.bootstrap.workload)]
}

/** The shortest name that routes know: port 80, or a Service's only port, goes without saying. */
function authorityOf({ metadata, spec }: ServiceResource): string | undefined {
  const ports = spec.ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => port)
  const [first] = ports
  if (first === undefined) return undefined
  return ports.length === 1 || ports.includes(80) ? metadata.name : `${metadata.name}:${first}`
}
