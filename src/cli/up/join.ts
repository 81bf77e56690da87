import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { wallNow } from '../../base/clock.ts'
import { createJoinToken } from '../../control/join-token.ts'
import type { ControlPlan, SidecarPlan } from './plan.ts'

/** Long enough for a slow start, of no use to who finds the file later. */
const tokenLifeMs = 600_000

/** Writes what a sidecar needs to start and to be let in: its bootstrap, and a join token of its own. */
export async function prepareSidecar(
  { bootstrap, bootstrapFile }: SidecarPlan,
  control: Pick<ControlPlan, 'bootstrap'>,
): Promise<void> {
  const { name, namespace, serviceAccount, labels } = bootstrap.workload
  const expiresAt = wallNow() + tokenLifeMs
  const record = { name, namespace, serviceAccount, labels, expiresAt }
  const token = await createJoinToken(control.bootstrap.stateDirectory, record)
  await mkdir(dirname(bootstrapFile), { recursive: true, mode: 0o700 })
  await writeFile(bootstrap.joinTokenFile, token, { mode: 0o600 })
  await writeFile(bootstrapFile, JSON.stringify(bootstrap, null, 2), { mode: 0o600 })
}
