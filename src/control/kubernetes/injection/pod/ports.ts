/** Ports of a sidecar in a pod: the defaults of its settings (src/cli/bootstrap-environment.ts). */
export const healthPort = 15_020
const alwaysTaken = [15_000, 15_001, 15_008, healthPort]

const takenIn = { dns: [53], transparent: [15_006] } as const

/** Where the application cannot listen. */
export function takenPorts(mode: 'dns' | 'transparent'): ReadonlySet<number> {
  return new Set([...alwaysTaken, ...takenIn[mode]])
}
