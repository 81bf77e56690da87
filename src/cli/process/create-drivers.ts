import { resolve } from 'node:path'
import { monotonicNow, wallNow } from '../../base/clock.ts'
import { codeExtension } from '../../base/code-extension.ts'
import type { Logger } from '../../base/log.ts'
import { OrphanGuard } from '../../base/orphan-guard.ts'
import { systemRandom } from '../../base/random.ts'
import type { WorkloadDrivers } from '../../control/scaling/scaler.ts'
import type { ScalingSettings } from '../../control/scaling/scaling-settings.ts'
import type { ControlBootstrap } from '../../model/bootstrap.ts'
import type { OnDemandSidecar } from '../up/on-demand/process-driver.ts'

const main = resolve(import.meta.dirname, `../../main${codeExtension}`)

/** What the control plane starts functions by, as the file of its `scaling` says; each loaded only where it is used. */
export async function createDrivers(
  bootstrap: ControlBootstrap,
  logger: Logger,
): Promise<WorkloadDrivers> {
  if (bootstrap.scaling === undefined) return {}
  const { readScalingSettings } = await import('../../control/scaling/scaling-settings.ts')
  const { docker, kubernetes, process: children } = await readScalingSettings(bootstrap.scaling)
  return {
    ...(docker !== undefined && { docker: await createDocker(docker, bootstrap, logger) }),
    ...(kubernetes !== undefined && { kubernetes: await createKubernetes(kubernetes) }),
    ...(children !== undefined && (await createProcesses(children, bootstrap))),
  }
}

async function createDocker(
  settings: NonNullable<ScalingSettings['docker']>,
  bootstrap: ControlBootstrap,
  logger: Logger,
) {
  const { DockerDriver } = await import('../../control/scaling/docker/docker-driver.ts')
  const { HostAdmission } = await import('../../control/scaling/host-admission.ts')
  const admission = new HostAdmission(bootstrap, wallNow)
  return new DockerDriver({ settings, admission, random: systemRandom, logger })
}

async function createKubernetes(settings: NonNullable<ScalingSettings['kubernetes']>) {
  const { KubernetesDriver } = await import('../../control/scaling/kubernetes/kubernetes-driver.ts')
  return new KubernetesDriver({ settings, environment: process.env })
}

/** Processes of this machine serve functions whose instances run in the sidecar's care, whatever in. */
async function createProcesses(
  children: NonNullable<ScalingSettings['process']>,
  bootstrap: ControlBootstrap,
): Promise<WorkloadDrivers> {
  const { ProcessDriver } = await import('../up/on-demand/process-driver.ts')
  const { formatRelayed } = await import('../up/on-demand/relayed-line.ts')
  const { prepareSidecar } = await import('../up/join.ts')
  const { removeExpiredTokens } = await import('../../control/join-token.ts')
  const guard = await OrphanGuard.start()
  const driver = new ProcessDriver({
    // Written by `weft up`, for this very process.
    sidecars: children as Record<string, OnDemandSidecar>,
    main,
    guard,
    environment: process.env,
    prepare: async sidecar => {
      await removeExpiredTokens(bootstrap.stateDirectory, wallNow())
      await prepareSidecar(sidecar, { bootstrap })
    },
    relay: line => console.log(formatRelayed(line)),
    now: monotonicNow,
  })
  return { process: driver, oci: driver }
}
