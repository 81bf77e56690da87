import { ChildGroup } from '../setting/child-group.ts'
import { WeftMesh } from '../subjects/weft-mesh.ts'
import type { Runtime } from './runtimes.ts'

export interface MeasuredFunction {
  readonly directory: string
  readonly scale: {
    readonly min: number
    readonly max: number
    readonly tier?: 'hot' | 'frozen'
    readonly pool?: number
  }
}

interface Instance {
  readonly pid: number
  readonly state: string
}

interface HostStatus {
  readonly versions: readonly { readonly instances: readonly Instance[] }[]
}

interface Ports {
  /** Of the caller's sidecar. */
  readonly outbound: number
  /** Of the sidecar that hosts the function. */
  readonly admin: number
}

/** A control plane, a caller's sidecar, a function and its host's sidecar, with the product's defaults. */
export class FunctionMesh implements AsyncDisposable {
  readonly outboundPort: number
  readonly #adminPort: number
  readonly #group: ChildGroup

  static async start(runtime: Runtime, measured: MeasuredFunction): Promise<FunctionMesh> {
    const group = new ChildGroup()
    try {
      const mesh = new WeftMesh(group, 'functions')
      await mesh.startControl(document(runtime, measured))
      const common = { ports: [], upstreams: [], accessLog: 'errors' } as const
      const host = await mesh.startSidecar({ ...common, workload: 'echo', hostsFunction: true })
      const caller = await mesh.startSidecar({ ...common, workload: 'caller' })
      const { port: outbound } = caller.bootstrap.outbound
      const started = new FunctionMesh(group, { outbound, admin: host.bootstrap.admin.port })
      await group.waitFor('answer of the function', () => started.#answers())
      return started
    } catch (error) {
      await group.stop()
      throw error
    }
  }

  private constructor(group: ChildGroup, { outbound, admin }: Ports) {
    this.#group = group
    this.outboundPort = outbound
    this.#adminPort = admin
  }

  async instances(): Promise<readonly Instance[]> {
    const response = await fetch(`http://127.0.0.1:${this.#adminPort}/function`)
    const { versions } = (await response.json()) as HostStatus
    return versions[0]?.instances ?? []
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#group.stop()
  }

  async #answers(): Promise<boolean> {
    const url = `http://127.0.0.1:${this.outboundPort}/2015-03-31/functions/echo/invocations`
    const response = await fetch(url, { method: 'POST' }).catch(() => undefined)
    await response?.body?.cancel()
    return response?.status === 200
  }
}

function document({ command, handler }: Runtime, { directory, scale }: MeasuredFunction): string {
  return JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Function',
    metadata: { name: 'echo' },
    spec: { command, code: directory, handler, scale },
  })
}
