import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Child } from '../setting/child.ts'
import type { ChildGroup } from '../setting/child-group.ts'
import { freePorts } from '../setting/free-port.ts'
import { workPath } from '../setting/work-folder.ts'
import { wallNow } from '../../src/base/clock.ts'
import { createJoinToken } from '../../src/control/join-token.ts'
import type { ControlBootstrap, ProxyBootstrap } from '../../src/model/bootstrap.ts'
import { functionLabel } from '../../src/model/function/function.ts'

const program = fileURLToPath(import.meta.resolve('../../src/main.ts'))
const host = '127.0.0.1'
const trustDomain = 'bench.local'
const tokenLifeMs = 60_000

/** `errors` is the product's default; `all` writes a line for every exchange, as the Envoys here do. */
export type AccessLog = NonNullable<ProxyBootstrap['accessLog']>

interface SidecarOptions {
  readonly workload: string
  readonly ports: readonly number[]
  readonly upstreams: ProxyBootstrap['upstreams']
  readonly accessLog: AccessLog
  /** It hosts the function of its own name. */
  readonly hostsFunction?: boolean
}

export interface WeftSidecar {
  readonly child: Child
  readonly bootstrap: ProxyBootstrap
}

/** One control plane and its sidecars, started by the commands and files that a person would use. */
export class WeftMesh {
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

  async startSidecar(options: SidecarOptions): Promise<WeftSidecar> {
    const { workload, ports, upstreams, accessLog, hostsFunction = false } = options
    const [adminPort = 0, outboundPort = 0, inboundPort = 0] = await freePorts(3)
    const identity = {
      name: workload,
      namespace: 'default',
      serviceAccount: workload,
      labels: { app: workload, ...(hostsFunction && { [functionLabel]: workload }) },
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
      hostsFunction,
    }
    const readiness = { role: workload, readyPath: '/ready' }
    return { child: await this.#startCommand('proxy', bootstrap, readiness), bootstrap }
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
