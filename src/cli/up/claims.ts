import type { MeshPlan, WorkloadPlan } from './plan.ts'
import type { PortClaim } from './ports.ts'

/** Each port that a plan needs, and the setting that moves it. */
export function claimsOf({ control, workloads }: MeshPlan): PortClaim[] {
  const { push, admin } = control.bootstrap
  return [
    { ...push, purpose: 'push port of the control plane', setting: '--control-port' },
    { ...admin, purpose: 'admin port of the control plane', setting: '--control-admin-port' },
    ...workloads.flatMap(workload => [
      ...applicationClaims(workload),
      ...sidecarClaims(workload),
      ...upstreamClaims(workload),
      ...dnsClaims(workload),
    ]),
  ]
}

function applicationClaims({ name, application }: WorkloadPlan): PortClaim[] {
  const { host = '', ports = [] } = application ?? {}
  return ports.map((port, index) => ({
    host,
    port,
    purpose: `port of ${name} itself`,
    setting: `spec.ports[${index}].port of Workload ${name}`,
  }))
}

function sidecarClaims({ name, sidecar }: WorkloadPlan): PortClaim[] {
  if (sidecar === undefined) return []
  return (['admin', 'outbound', 'inbound'] as const).map(role => ({
    ...sidecar.bootstrap[role],
    purpose: `${role} port of ${name}'s sidecar`,
    setting: `spec.sidecar.${role}Port of Workload ${name}`,
  }))
}

function upstreamClaims({ name, sidecar }: WorkloadPlan): PortClaim[] {
  const upstreams = sidecar?.bootstrap.upstreams ?? []
  return upstreams.map(({ host, port, service }, index) => ({
    host,
    port,
    purpose: `port on which ${name} calls ${service}`,
    setting: `spec.upstreams[${index}].localPort of Workload ${name}`,
  }))
}

function dnsClaims({ name, sidecar }: WorkloadPlan): PortClaim[] {
  const { dns } = sidecar?.bootstrap ?? {}
  if (dns === undefined) return []
  const setting = `spec.sidecar.dns.port of Workload ${name}`
  return [{ ...dns, purpose: `DNS port of ${name}'s sidecar`, setting }]
}
