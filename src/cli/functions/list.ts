import type { FunctionStatus } from '../../control/status.ts'
import { fetchStatus } from '../status.ts'
import { formatTable } from '../table.ts'

export interface FunctionsOptions {
  /** Admin address of the control plane. */
  readonly controlPlane: URL
  readonly json: boolean
}

/** `weft functions`. Exit code 1 while one of them has no host. */
export async function functions({ controlPlane, json }: FunctionsOptions): Promise<number> {
  const { functions: list } = await fetchStatus(new URL('/status', controlPlane))
  console.log(json ? JSON.stringify(list, null, 2) : formatFunctions(list))
  return list.every(({ hosts }) => hosts.length > 0) ? 0 : 1
}

function formatFunctions(list: readonly FunctionStatus[]): string {
  const head = ['FUNCTION', 'NAMESPACE', 'RUNS', 'TIMEOUT', 'SCALE', 'HOSTS']
  const rows = list.map(({ name, namespace, command, timeoutMs, scale, hosts }) => [
    name,
    namespace,
    command.join(' '),
    `${timeoutMs / 1000}s`,
    `${scale.min}-${scale.max}`,
    hosts.join(', ') || 'none',
  ])
  return formatTable([head, ...rows])
}
