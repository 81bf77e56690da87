import type { SidecarPlan } from './plan.ts'
import type { ProcessSpec } from './supervised-process.ts'

/** One heap of the C library for all threads: some 2 MB less in each. Applications decide that for themselves. */
export const ownEnvironment = { MALLOC_ARENA_MAX: '1' }

/** Beyond a sidecar's own bound on its drain. */
export const sidecarGraceMs = 2000

/** How a sidecar is started. */
export function sidecarProcess(
  main: string,
  { bootstrapFile }: Pick<SidecarPlan, 'bootstrapFile'>,
): Pick<ProcessSpec, 'command' | 'arguments' | 'environment'> {
  return {
    command: process.execPath,
    arguments: [main, 'proxy', '--config', bootstrapFile],
    environment: ownEnvironment,
  }
}
