import { writeFileSync } from 'node:fs'
import type http from 'node:http'
import type { Test } from 'tap'
import {
  call,
  eventually,
  startApplication,
  startMesh,
  startSidecar,
  type Answer,
  type TestMesh,
  type TestProxy,
} from './mesh.ts'

/** Two callers, `web` and `batch`, of one service, `orders`, whose policies change. */
export interface PolicedMesh {
  readonly mesh: TestMesh
  readonly orders: TestProxy
  readonly port: number
  /** Adds these documents to the configuration, in place of those before, and waits until `orders` works by them. */
  readonly apply: (policies: string) => Promise<void>
  /** A call of `orders`. */
  readonly ask: (caller: 'web' | 'batch', request?: PolicedRequest) => Promise<Answer>
  /** Outbound port of a caller. */
  readonly outbound: Readonly<Record<'web' | 'batch', number>>
}

export interface PolicedRequest {
  readonly method?: string
  readonly path?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
}

const base = (port: number, more: string): string => `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: ${port} }] }
---
${more}
`

export async function startPolicedMesh(
  t: Test,
  handler: http.RequestListener,
  { more = '', workers = 1 } = {},
): Promise<PolicedMesh> {
  const port = await startApplication(t, handler)
  const mesh = await startMesh(t, base(port, more))
  const overrides = workers === 1 ? {} : { workers }
  const orders = await startSidecar(t, mesh, { name: 'orders', ports: [port], overrides })
  const callers = {
    web: await startSidecar(t, mesh, { name: 'web' }),
    batch: await startSidecar(t, mesh, { name: 'batch' }),
  }
  const ask: PolicedMesh['ask'] = (caller, { headers, ...request } = {}) =>
    call(callers[caller].ports.outbound, { ...request, headers: { host: 'orders', ...headers } })
  for (const caller of ['web', 'batch'] as const)
    await eventually(
      () => ask(caller),
      ({ status }) => status === 200,
    )
  const apply = async (policies: string): Promise<void> => {
    const before = statusOf(mesh)?.ackedVersion
    writeFileSync(mesh.configPath, base(port, `${more}\n---\n${policies}`))
    await eventually(
      () => statusOf(mesh),
      status => status?.synced === true && status.ackedVersion !== before,
    )
  }
  const outbound = { web: callers.web.ports.outbound, batch: callers.batch.ports.outbound }
  return { mesh, orders, port, apply, ask, outbound }
}

function statusOf({ control }: TestMesh) {
  return control.status().sidecars.find(({ name }) => name === 'orders')
}

/** An AuthorizationPolicy of the namespace `default`, as flow YAML. */
export function policyYaml(name: string, spec: string): string {
  return `---
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: ${name} }
spec: ${spec}
`
}
