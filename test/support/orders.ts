import type { Test } from 'tap'
import { call, eventually, startMesh, startSidecar, type TestProxy } from './mesh.ts'

/** How the port of the Service is written. */
export interface DeclaredPort {
  readonly name?: string
  readonly appProtocol?: string
}

export interface Orders {
  /** The caller's sidecar, and its port that leads to `orders`. */
  readonly client: TestProxy
  readonly local: number
  /** The sidecar before `orders`. */
  readonly server: TestProxy
}

/** Two sidecars, one of them before `orders`, whose application listens at `port`; `documents`: further YAML. */
export async function startOrders(
  t: Test,
  port: number,
  declared: DeclaredPort = {},
  documents = '',
): Promise<Orders> {
  const orders = `
apiVersion: v1
kind: Service
metadata:
  name: orders
spec:
  selector: { app: orders }
  ports: [${JSON.stringify({ port: 80, targetPort: port, ...declared })}]
`
  const mesh = await startMesh(t, `${orders}---${documents}`)
  const server = await startSidecar(t, mesh, { name: 'orders', ports: [port] })
  const client = await startSidecar(t, mesh, { name: 'web', upstreams: ['orders'] })
  await eventually(
    async () => (await call(client.ports.admin, { path: '/clusters' })).body,
    clusters => clusters.includes('"workload": "orders"'),
  )
  return { client, local: client.ports.upstreams[0] ?? 0, server }
}
