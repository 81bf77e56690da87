import type { Project } from './compose.ts'
import type { Engine } from './engine.ts'

export interface SidecarStatus {
  readonly name: string
  readonly ready: boolean
  readonly address?: string
  readonly connected: boolean
  readonly synced?: boolean
}

/** What the control plane of a project knows: `weft status`, asked in its container. */
export async function sidecarsOf(
  engine: Engine,
  project: Project,
): Promise<readonly SidecarStatus[]> {
  const { Id } = await project.container('weft-control')
  const printed = await engine.docker('exec', Id, 'node', '-e', printStatus)
  return (JSON.parse(printed) as { readonly sidecars: readonly SidecarStatus[] }).sidecars
}

const printStatus = `fetch('http://127.0.0.1:15014/status').then(async answer => console.log(await answer.text()))`
