import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { wallNow } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { startControlPlane, type ControlOptions, type ControlPlane } from '../../src/control/app.ts'
import { createJoinToken } from '../../src/control/join-token.ts'
import type { ControlBootstrap, ProxyBootstrap } from '../../src/model/bootstrap.ts'
import { startProxy, type RunningProxy } from '../../src/proxy/app.ts'
import { testFolder } from './test-folder.ts'

const loopback = '127.0.0.1'
const anyPort = { host: loopback, port: 0 }

/** A control plane in this process, and the folder that it and its sidecars keep their state in. */
export interface TestMesh {
  readonly folder: string
  readonly configPath: string
  readonly control: ControlPlane
  readonly pushPort: number
  readonly bootstrap: ControlBootstrap
}

export interface TestWorkload {
  readonly name: string
  /** Default `default`. */
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Ports of the application. */
  readonly ports?: readonly number[]
  /** Services that get a local port each. */
  readonly upstreams?: readonly string[]
  readonly overrides?: Partial<ProxyBootstrap>
}

export async function startMesh(
  t: Test,
  yaml: string,
  more: Omit<ControlOptions, 'logger'> = {},
): Promise<TestMesh> {
  const folder = testFolder(t)
  const configPath = join(folder, 'mesh.yaml')
  writeFileSync(configPath, yaml)
  const bootstrap: ControlBootstrap = {
    configPath,
    stateDirectory: join(folder, 'control'),
    trustDomain: 'weft.local',
    push: anyPort,
    admin: anyPort,
    leaseMs: 30_000,
  }
  const control = await startControlPlane(bootstrap, { logger: silentLogger, ...more })
  t.teardown(() => control.close())
  return { folder, configPath, control, pushPort: control.pushPort, bootstrap }
}

/** What `weft up` would write for a workload, with ports that the system chooses. */
export async function bootstrapOf(
  mesh: Pick<TestMesh, 'folder' | 'pushPort' | 'bootstrap'>,
  workload: TestWorkload,
): Promise<ProxyBootstrap> {
  const { name, namespace = 'default', labels = { app: name } } = workload
  const { ports = [], upstreams = [], overrides } = workload
  const { stateDirectory, trustDomain } = mesh.bootstrap
  const state = join(mesh.folder, name)
  mkdirSync(state, { recursive: true })
  const identity = { name, namespace, serviceAccount: name, labels }
  const joinTokenFile = join(state, 'join-token')
  const token = { ...identity, expiresAt: wallNow() + 60_000 }
  writeFileSync(joinTokenFile, await createJoinToken(stateDirectory, token))
  return {
    workload: identity,
    stateDirectory: state,
    controlPlane: { host: loopback, port: mesh.pushPort, trustDomain },
    trustBundleFile: join(stateDirectory, 'trust-bundle.pem'),
    joinTokenFile,
    admin: anyPort,
    outbound: anyPort,
    inbound: anyPort,
    application: { host: loopback, ports },
    upstreams: upstreams.map(service => ({ ...anyPort, service })),
    advertise: loopback,
    drainTimeoutMs: 2000,
    accessLog: 'all',
    ...overrides,
  }
}

export interface TestProxy extends RunningProxy {
  readonly bootstrap: ProxyBootstrap
  /** Lines of its access log so far. */
  readonly accessLog: readonly string[]
}

export async function runProxy(t: Test, bootstrap: ProxyBootstrap): Promise<TestProxy> {
  const accessLog: string[] = []
  const proxy = await startProxy(bootstrap, {
    logger: silentLogger,
    processMetrics: () => [],
    writeAccessLog: line => accessLog.push(line),
    memory: { resident: () => 0, trim: () => {} },
    build: 'test',
    environment: process.env,
  })
  t.teardown(() => proxy.close())
  return { ...proxy, bootstrap, accessLog }
}

export async function startSidecar(
  t: Test,
  mesh: TestMesh,
  workload: TestWorkload,
): Promise<TestProxy> {
  return runProxy(t, await bootstrapOf(mesh, workload))
}

/** An application on a port of its own. */
export async function startApplication(t: Test, handler: http.RequestListener): Promise<number> {
  const server = http.createServer(handler)
  server.listen(0, loopback)
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** One request on a connection of its own. */
export async function call(
  port: number,
  { path = '/', body, ...options }: http.RequestOptions & { readonly body?: string } = {},
): Promise<Answer> {
  const request = http.request({ host: loopback, port, path, agent: false, ...options })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
  }
}

/**
 * Asks again until `condition` holds; for what another process or a push brings about. At most 50
 * times a second: more requests than lines of an access log would push out the lines that tests read.
 */
export async function eventually<T>(
  read: () => T | Promise<T>,
  condition: (value: T) => boolean,
): Promise<T> {
  const deadline = wallNow() + 30_000
  for (;;) {
    const value = await read()
    if (condition(value)) return value
    if (wallNow() > deadline) throw new Error(`still ${JSON.stringify(value)} after thirty seconds`)
    await pause(20)
  }
}
