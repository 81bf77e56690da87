import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Protocol, protocols, type Topology } from '../bench-case.ts'
import type { Child } from '../setting/child.ts'
import type { ChildGroup } from '../setting/child-group.ts'
import { freePort, freePorts } from '../setting/free-port.ts'
import { workPath } from '../setting/work-folder.ts'
import { wallNow } from '../../src/base/clock.ts'
import { createJoinToken } from '../../src/control/join-token.ts'
import type { ControlBootstrap, ProxyBootstrap } from '../../src/model/bootstrap.ts'
import type { Subject, Upstream } from './subject.ts'

const program = fileURLToPath(import.meta.resolve('../../src/main.ts'))
const host = '127.0.0.1'
const trustDomain = 'bench.local'
const tokenLifeMs = 60_000

/** `errors` is the product's default; `all` writes a line for every exchange, as the Envoys here do. */
type AccessLog = NonNullable<ProxyBootstrap['accessLog']>

/** The client's sidecar; the backend has none. */
export const weftHop: Subject = weft('weft', 'hop', 'errors')

export const weftHopAccessLog: Subject = weft('weft-access-log', 'hop', 'all')

/** A sidecar on each side, mTLS between them. */
export const weftPair: Subject = weft('weft', 'pair', 'errors')

export const weftPairAccessLog: Subject = weft('weft-access-log', 'pair', 'all')

function weft(name: string, topology: Topology, accessLog: AccessLog): Subject {
  return {
    name,
    topology,
    protocols,
    missing: () => undefined,
    async start(group, upstream) {
      const port = await freePort()
      const mesh = new Mesh(group, name)
      await mesh.startControl(meshDocuments(topology, upstream, port))
      const inbound =
        topology === 'hop'
          ? []
          : [
              {
                role: 'inbound',
                child: await mesh.startSidecar({
                  workload: 'backend',
                  ports: [upstream.port],
                  upstreams: [],
                  accessLog,
                }),
              },
            ]
      const child = await mesh.startSidecar({
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

interface SidecarOptions {
  readonly workload: string
  readonly ports: readonly number[]
  readonly upstreams: ProxyBootstrap['upstreams']
  readonly accessLog: AccessLog
}

/** One control plane and its sidecars, started by the commands and files that a person would use. */
class Mesh {
  readonly #group: ChildGroup
  readonly #name: string
  readonly #folder: string
  readonly #trustBundleFile: string
  #push: ControlBootstrap['push'] = { host, port: 0 }

  /** `name` is unique among the meshes that run at the same time. */
  constructor(group: ChildGroup, name: string) {
    this.#group = group
    this.#name = name
    this.#folder = workPath(name)
    this.#trustBundleFile = join(this.#folder, 'control', 'trust-bundle.pem')
    // No certificate or snapshot of an earlier mesh may be left.
    rmSync(this.#folder, { recursive: true, force: true })
    mkdirSync(this.#folder, { recursive: true })
  }

  async startControl(documents: string): Promise<void> {
    const [pushPort = 0, adminPort = 0] = await freePorts(2)
    const configPath = join(this.#folder, 'mesh.yaml')
    writeFileSync(configPath, documents)
    this.#push = { host, port: pushPort }
    const bootstrap: ControlBootstrap = {
      configPath,
      stateDirectory: join(this.#folder, 'control'),
      trustDomain,
      push: this.#push,
      admin: { host, port: adminPort },
      leaseMs: 30_000,
    }
    await this.#startCommand('control', bootstrap, { role: 'control', readyPath: '/readyz' })
  }

  async startSidecar(options: SidecarOptions): Promise<Child> {
    const { workload, ports, upstreams, accessLog } = options
    const [adminPort = 0, outboundPort = 0, inboundPort = 0] = await freePorts(3)
    const identity = {
      name: workload,
      namespace: 'default',
      serviceAccount: workload,
      labels: { app: workload },
    }
    const joinTokenFile = join(this.#folder, `${workload}.token`)
    const record = { ...identity, expiresAt: wallNow() + tokenLifeMs }
    writeFileSync(joinTokenFile, await createJoinToken(join(this.#folder, 'control'), record))
    const bootstrap: ProxyBootstrap = {
      workload: identity,
      stateDirectory: join(this.#folder, workload),
      controlPlane: { ...this.#push, trustDomain },
      trustBundleFile: this.#trustBundleFile,
      joinTokenFile,
      admin: { host, port: adminPort },
      outbound: { host, port: outboundPort },
      inbound: { host, port: inboundPort },
      application: { host, ports },
      upstreams,
      advertise: host,
      drainTimeoutMs: 1_000,
      accessLog,
    }
    return this.#startCommand('proxy', bootstrap, { role: workload, readyPath: '/ready' })
  }

  async #startCommand(
    command: 'control' | 'proxy',
    bootstrap: ControlBootstrap | ProxyBootstrap,
    { role, readyPath }: { readonly role: string; readonly readyPath: string },
  ): Promise<Child> {
    const file = join(this.#folder, `${role}.json`)
    writeFileSync(file, JSON.stringify(bootstrap))
    const child = await this.#group.startNode({
      name: `${this.#name}-${role}`,
      args: [program, command, '--config', file],
      // A line for each of a million exchanges is nothing to keep; Envoy's go the same way.
      quiet: 'accessLog' in bootstrap && bootstrap.accessLog === 'all',
    })
    await this.#group.waitUntilReady(`http://${host}:${bootstrap.admin.port}${readyPath}`)
    return child
  }
}
