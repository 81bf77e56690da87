import { type Protocol, protocols, type Topology } from '../bench-case.ts'
import { fewPolicies, manyRoutes } from './policy-documents.ts'
import { freePort } from '../setting/free-port.ts'
import type { Subject, Upstream } from './subject.ts'
import { WeftMesh, type AccessLog } from './weft-mesh.ts'

const host = '127.0.0.1'

/** The client's sidecar; the backend has none. */
export const weftHop: Subject = weft('weft', 'hop', 'errors')

export const weftHopAccessLog: Subject = weft('weft-access-log', 'hop', 'all')

/** A sidecar on each side, mTLS between them. */
export const weftPair: Subject = weft('weft', 'pair', 'errors')

export const weftPairAccessLog: Subject = weft('weft-access-log', 'pair', 'all')

/** With ten routes, an authorization and a rate limit. */
export const weftPairPolicies: Subject = weft('weft-policies', 'pair', 'errors', fewPolicies)

export const weftPairManyRoutes: Subject = weft('weft-5000-routes', 'pair', 'errors', manyRoutes)

function weft(name: string, topology: Topology, accessLog: AccessLog, policies = ''): Subject {
  return {
    name,
    topology,
    protocols: policies === '' ? protocols : ['http1', 'http2'],
    missing: () => undefined,
    async start(group, upstream) {
      const port = await freePort()
      const mesh = new WeftMesh(group, name)
      await mesh.startControl(meshDocuments(topology, upstream, port) + policies)
      const inbound =
        topology === 'hop'
          ? []
          : [
              {
                role: 'inbound',
                ...(await mesh.startSidecar({
                  workload: 'backend',
                  ports: [upstream.port],
                  upstreams: [],
                  accessLog,
                })),
              },
            ]
      const { child } = await mesh.startSidecar({
        workload: 'client',
        ports: [],
        upstreams: [{ service: 'backend', host, port }],
        accessLog,
      })
      const role = topology === 'hop' ? 'proxy' : 'outbound'
      return { port, proxies: [{ role, child }, ...inbound] }
    },
  }
}

/** Names of ports declare what is spoken, so that nothing is guessed. */
const portNames: Readonly<Record<Protocol, string>> = { http1: 'http', http2: 'http2', tcp: 'tcp' }

/** What the operator would write down. */
function meshDocuments(topology: Topology, backend: Upstream, upstreamPort: number): string {
  const { port } = backend
  const name = portNames[backend.protocol]
  return `apiVersion: v1
kind: Service
metadata: { name: backend }
spec:
  selector: { app: backend }
  ports: [{ name: ${name}, port: 80, targetPort: ${port} }]
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: backend, labels: { app: backend } }
spec:
  address: ${host}
  ports: [{ name: ${name}, port: ${port} }]
  sidecar: { enabled: ${topology === 'pair'} }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: client, labels: { app: client } }
spec:
  address: ${host}
  upstreams: [{ service: backend, localPort: ${upstreamPort} }]
`
}
