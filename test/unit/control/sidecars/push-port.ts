import { once } from 'node:events'
import { join } from 'node:path'
import tls from 'node:tls'
import type { Test } from 'tap'
import { wallNow } from '../../../../src/base/clock.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { createControlCounters } from '../../../../src/control/control-counters.ts'
import { createJoinToken } from '../../../../src/control/join-token.ts'
import { Admissions } from '../../../../src/control/sidecars/admissions.ts'
import type { Attestor } from '../../../../src/control/sidecars/attestor.ts'
import { Fleet } from '../../../../src/control/sidecars/fleet.ts'
import { Publisher } from '../../../../src/control/sidecars/publisher.ts'
import { PushServer } from '../../../../src/control/sidecars/push-server.ts'
import { Registry } from '../../../../src/control/sidecars/registry.ts'
import type { SessionContext } from '../../../../src/control/sidecars/sidecar-session.ts'
import { Signing } from '../../../../src/control/sidecars/signing.ts'
import { sidecarStatuses, type SidecarStatus } from '../../../../src/control/status.ts'
import { requestIdentity } from '../../../../src/discovery/certificate-request.ts'
import {
  SubscriptionClient,
  type SubscriptionClientOptions,
} from '../../../../src/discovery/subscription-client.ts'
import type { Endpoint } from '../../../../src/model/endpoint.ts'
import type { Snapshot } from '../../../../src/model/snapshot.ts'
import { IdentityHolder } from '../../../../src/identity/identity-holder.ts'
import type { Identity } from '../../../../src/identity/identity.ts'
import { KeyRequest } from '../../../../src/identity/key-request.ts'
import { anonymousTlsOptions, clientTlsOptions } from '../../../../src/identity/tls-options.ts'
import { openAuthority } from '../../../support/authority.ts'
import { ScriptedPeer } from '../../discovery/scripted-peer.ts'
import { configurationIn, serviceYaml } from '../../model/configurations.ts'

export interface PushPortOptions {
  readonly leaseMs?: number
  readonly now?: () => number
  readonly scaler?: SessionContext['scaler']
  readonly attestors?: readonly Attestor[]
}

const noScaler: SessionContext['scaler'] = { activate() {}, load() {}, disconnected() {} }

/** A push port with all that stands behind it, and a configuration with the Services `orders` and `users`. */
export async function startPushPort(t: Test, options: PushPortOptions = {}) {
  const { leaseMs = 30_000, now = wallNow, scaler = noScaler, attestors = [] } = options
  const closing = new AsyncDisposableStack()
  // Before the folder is made, for it to be removed after.
  t.teardown(() => closing.disposeAsync())
  const stateDirectory = t.testdir()
  const authority = await openAuthority(t)
  const holder = new IdentityHolder(await authority.issueOwn())
  const admissions = await Admissions.open(join(stateDirectory, 'admissions.json'), now)
  const counters = createControlCounters()
  const fleet = new Fleet()
  const configuration = configurationIn(serviceYaml('orders'), serviceYaml('users'))
  const publisher = new Publisher({
    fleet,
    configuration: () => configuration,
    registrations: () => registry.registrations,
    sessionSecret: '',
    debounceMs: 1,
  })
  const registry = await Registry.open({
    path: join(stateDirectory, 'registrations.json'),
    leaseMs,
    onChange: () => publisher.meshChanged(),
    onFileFailure: error => {
      throw error
    },
  })
  const warnings: object[] = []
  const errors: object[] = []
  const logger = {
    ...silentLogger,
    warn: (fields: object) => void warnings.push(fields),
    error: (fields: object) => void errors.push(fields),
  }
  const server = await PushServer.listen({
    address: { host: '127.0.0.1', port: 0 },
    holder,
    context: {
      signing: new Signing({ authority, admissions, stateDirectory, now, attestors }),
      admissions,
      registry,
      fleet,
      publisher,
      scaler,
      counters,
      leaseMs,
      now,
      logger,
    },
  })
  closing.defer(async () => {
    await server.close()
    publisher.close()
    await registry.close()
  })
  return {
    server,
    authority,
    holder,
    admissions,
    counters,
    fleet,
    registry,
    publisher,
    stateDirectory,
    warnings,
    errors,
    status: (name: string): SidecarStatus | undefined =>
      sidecarStatuses(registry.registrations, fleet).find(status => status.name === name),
  }
}

export type PushPort = Awaited<ReturnType<typeof startPushPort>>

/** A connection after its handshake. */
async function connectTo(
  t: Test,
  { server }: Pick<PushPort, 'server'>,
  options: tls.ConnectionOptions,
): Promise<tls.TLSSocket> {
  const socket = tls.connect({ ...options, host: '127.0.0.1', port: server.port })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** What a workload of this name gets for a join token. */
export async function joinAs(
  t: Test,
  port: PushPort,
  name: string,
  labels: Readonly<Record<string, string>> = { app: name },
): Promise<Identity> {
  const record = { namespace: 'default', name, serviceAccount: name, labels }
  const expiresAt = wallNow() + 60_000
  const token = await createJoinToken(port.stateDirectory, { ...record, expiresAt })
  const request = await KeyRequest.create()
  const { chain, bundle } = await requestIdentity({
    connect: () => connectTo(t, port, anonymousTlsOptions(port.authority.bundle)),
    token: () => Promise.resolve(token),
    request,
    random: () => 0,
    signal: new AbortController().signal,
    onFailure: error => {
      throw error
    },
  })
  return request.complete(chain, bundle)
}

export interface TestSidecar {
  readonly client: SubscriptionClient
  readonly identity: Identity
  /** The stream in use. */
  readonly socket: () => tls.TLSSocket
  readonly losses: (Error | undefined)[]
  /** Of a Service, as the sidecar knows them now. */
  readonly endpoints: (service: string) => readonly Endpoint[] | undefined
}

/** A sidecar's client, with an application on port 80. */
export async function startSidecar(
  t: Test,
  port: PushPort,
  name: string,
  options: Partial<SubscriptionClientOptions> = {},
): Promise<TestSidecar> {
  const identity = await joinAs(t, port, name)
  const losses: (Error | undefined)[] = []
  let snapshot: Snapshot | undefined
  let socket: tls.TLSSocket | undefined
  const client = new SubscriptionClient({
    connect: async () => (socket = await connectTo(t, port, clientTlsOptions(identity))),
    workload: { namespace: 'default', name },
    build: 'test',
    registration: { address: '127.0.0.1', ports: [80], meshPort: 15_008 },
    services: '*',
    ready: true,
    apply: candidate => {
      snapshot = candidate
      return []
    },
    onDisconnect: reason => losses.push(reason),
    random: () => 0,
    reconnect: { baseMs: 2, maxMs: 2 },
    ...options,
  })
  t.teardown(() => client.close())
  client.start()
  return {
    client,
    identity,
    losses,
    socket: () => socket ?? t.fail('has not connected'),
    endpoints: service => snapshot?.endpoints[`${service}.default:80`],
  } as TestSidecar
}

/** A stream in the hand of the test, with the certificate of this workload or without one. */
export async function connectPeer(
  t: Test,
  port: PushPort,
  identity?: Identity,
): Promise<ScriptedPeer & { readonly socket: tls.TLSSocket }> {
  const options =
    identity === undefined ? anonymousTlsOptions(port.authority.bundle) : clientTlsOptions(identity)
  const peer = new ScriptedPeer(await connectTo(t, port, options))
  return peer as ScriptedPeer & { readonly socket: tls.TLSSocket }
}

export function helloOf(name: string): object {
  const workload = { namespace: 'default', name }
  return { type: 'hello', protocol: 1, workload, services: '*', build: 'test' }
}
