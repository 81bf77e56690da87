import type { MeshStatus, SidecarStatus } from '../control/status.ts'
import { formatProblem } from '../model/problem.ts'
import { CommandError } from './command-error.ts'
import { explainFailure } from './fetch-failure.ts'
import { formatTable } from './table.ts'

export interface StatusOptions {
  /** Admin address of the control plane. */
  readonly controlPlane: URL
  readonly json: boolean
}

const timeoutMs = 5000
/** Enough of a version to tell two apart. */
const versionLength = 8

/** `weft status`. Exit code 1 while a sidecar does not run on the configuration that lies on disk. */
export async function status({ controlPlane, json }: StatusOptions): Promise<number> {
  const mesh = await fetchStatus(new URL('/status', controlPlane))
  console.log(json ? JSON.stringify(mesh, null, 2) : formatStatus(mesh))
  const { configuration, sidecars } = mesh
  const converged =
    configuration.problems.length === 0 && sidecars.every(({ synced }) => synced === true)
  return converged ? 0 : 1
}

/** What the control plane knows. @throws CommandError when it does not answer. */
export async function fetchStatus(url: URL): Promise<MeshStatus> {
  return fetchPage<MeshStatus>(url)
}

/** A page of the admin port, taken at its word. @throws CommandError when it does not answer. */
export async function fetchPage<T>(url: URL): Promise<T> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    if (response.ok) return (await response.json()) as T
    throw new Error(`answered ${response.status}`)
  } catch (error) {
    throw new CommandError(`no status from ${url.href}: ${explainFailure(error)}`)
  }
}

export function formatStatus({ trustDomain, configuration, sidecars }: MeshStatus): string {
  const head = ['WORKLOAD', 'NAMESPACE', 'STATE', 'TRAFFIC', 'VERSION', 'CONFIGURATION', 'ADDRESS']
  const rows = sidecars.map(sidecar => [
    sidecar.name,
    sidecar.namespace,
    sidecar.connected ? 'connected' : 'gone',
    sidecar.ready ? 'takes' : 'none',
    sidecar.ackedVersion?.slice(0, versionLength) ?? '-',
    convergence(sidecar),
    sidecar.address ?? '-',
  ])
  return [
    `trust domain ${trustDomain}, configuration of ${configuration.loadedAt}`,
    ...configuration.problems.map(problem => `not in use: ${formatProblem(problem)}`),
    ...(configuration.leftOut ?? []).map(problem => `left out: ${formatProblem(problem)}`),
    formatTable([head, ...rows]),
    ...sidecars.flatMap(rejections),
  ].join('\n')
}

function convergence({ synced, rejection }: SidecarStatus): string {
  if (rejection !== undefined) return 'rejected'
  if (synced === undefined) return '-'
  return synced ? 'synced' : 'stale'
}

function rejections({ name, rejection }: SidecarStatus): string[] {
  const problems = rejection?.problems ?? []
  return problems.map(({ path, message }) => `${name} rejected: ${path}: ${message}`)
}
