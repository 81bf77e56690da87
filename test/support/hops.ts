import type http from 'node:http'
import type { Test } from 'tap'
import {
  call,
  eventually,
  startApplication,
  startMesh,
  startSidecar,
  type TestProxy,
} from './mesh.ts'

export interface Hops {
  /** Leads to `front` by the caller's sidecar. */
  readonly local: number
  readonly client: TestProxy
  readonly front: TestProxy
  readonly back: TestProxy
}

export interface HopsOptions {
  /** Answers in `front`'s place. `ask` calls `back` by the sidecar of `front`. */
  readonly front: (
    request: http.IncomingMessage,
    response: http.ServerResponse,
    ask: (headers?: http.OutgoingHttpHeaders) => Promise<{ readonly status: number }>,
  ) => Promise<void>
  readonly back: http.RequestListener
  /** Further YAML. */
  readonly documents?: string
}

/** Three hops: a client's sidecar → `front` → `back`, each with a sidecar. */
export async function startHops(t: Test, options: HopsOptions): Promise<Hops> {
  let leadsToBack = 0
  const ask = (headers: http.OutgoingHttpHeaders = {}) => call(leadsToBack, { headers })
  const frontPort = await startApplication(t, (request, response) => {
    options.front(request, response, ask).catch(() => response.destroy())
  })
  const backPort = await startApplication(t, options.back)
  const mesh = await startMesh(
    t,
    `${service('front', frontPort)}---${service('back', backPort)}---${options.documents ?? ''}`,
  )
  const back = await startSidecar(t, mesh, { name: 'back', ports: [backPort] })
  const front = await startSidecar(t, mesh, {
    name: 'front',
    ports: [frontPort],
    upstreams: ['back'],
  })
  leadsToBack = front.ports.upstreams[0] ?? 0
  const client = await startSidecar(t, mesh, { name: 'web', upstreams: ['front'] })
  for (const [proxy, workload] of [
    [client, 'front'],
    [front, 'back'],
  ] as const)
    await eventually(
      async () => (await call(proxy.ports.admin, { path: '/clusters' })).body,
      clusters => clusters.includes(`"workload": "${workload}"`),
    )
  return { local: client.ports.upstreams[0] ?? 0, client, front, back }
}

function service(name: string, port: number): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ port: 80, targetPort: ${port} }] }
`
}

/** Of a proxy's metrics: the sum of a family's samples whose labels hold all of `labels`. */
export async function metric(proxy: TestProxy, name: string, ...labels: string[]): Promise<number> {
  const { body } = await call(proxy.ports.admin, { path: '/metrics' })
  const values = body
    .split('\n')
    .filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter(line => labels.every(label => line.includes(label)))
    .map(line => Number(line.slice(line.lastIndexOf(' ') + 1)))
  return values.reduce((sum, value) => sum + value, 0)
}
