import { qualify } from '../../../model/qualified-name.ts'
import type { MeshPlan } from '../plan.ts'
import type { OnDemandSidecar } from './process-driver.ts'

/** Those that the control plane starts itself, by `<name>.<namespace>` of their functions. */
export function onDemandSidecars({ workloads }: MeshPlan): Record<string, OnDemandSidecar> {
  const entries = workloads.flatMap(({ name, sidecar }) =>
    sidecar?.onDemand === true
      ? [[qualify(sidecar.bootstrap.workload), { ...sidecar, name }] as const]
      : [],
  )
  return Object.fromEntries(entries)
}
