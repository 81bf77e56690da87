import type { FunctionStatus } from '../../control/status.ts'
import { fetchStatus } from '../status.ts'
import { formatTable } from '../table.ts'

export interface FunctionsOptions {
  /** Admin address of the control plane. */
  readonly controlPlane: URL
  readonly json: boolean
}

/** `weft functions`. Exit code 1 while one of them has no host, and none comes when it is called. */
export async function functions({ controlPlane, json }: FunctionsOptions): Promise<number> {
  const { functions: list } = await fetchStatus(new URL('/status', controlPlane))
  console.log(json ? JSON.stringify(list, null, 2) : formatFunctions(list))
  return list.every(isReachable) ? 0 : 1
}

function isReachable({ hosts, scale }: FunctionStatus): boolean {
  return hosts.length > 0 || scale.zero === 'gone'
}

function formatFunctions(list: readonly FunctionStatus[]): string {
  const head = ['FUNCTION', 'NAMESPACE', 'DRIVER', 'RUNS', 'TIMEOUT', 'SCALE', 'VERSIONS', 'HOSTS']
  const rows = list.map(status => [
    status.name,
    status.namespace,
    status.driver,
    status.runtime ?? (status.command.join(' ') || '-'),
    `${status.timeoutMs / 1000}s`,
    `${status.scale.min}-${status.scale.max}`,
    [...status.versions, ...Object.entries(status.aliases).map(formatAlias)].join(', '),
    status.hosts.join(', ') || (status.scale.zero === 'gone' ? 'none now' : 'none'),
  ])
  return formatTable([head, ...rows])
}

function formatAlias([name, backends]: [string, FunctionStatus['aliases'][string]]): string {
  return `${name} (${backends.map(({ version, weight }) => `${version}: ${weight}`).join(', ')})`
}
