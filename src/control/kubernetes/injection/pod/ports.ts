import { sidecarPorts } from '../../../../model/bootstrap.ts'

const { admin, outbound, captured, inbound, health } = sidecarPorts
/** Of a sidecar in a pod, which keeps to the defaults. */
export const healthPort = health
const alwaysTaken = [admin, outbound, inbound, health]

const takenIn = { dns: [53], transparent: [captured] } as const

/** Where the application cannot listen. */
export function takenPorts(mode: 'dns' | 'transparent'): ReadonlySet<number> {
  return new Set([...alwaysTaken, ...takenIn[mode]])
}
