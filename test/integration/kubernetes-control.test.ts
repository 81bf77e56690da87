// A control plane in a cluster, as far as identities and injection go, against a fake API server.
import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { silentLogger } from '../../src/base/log.ts'
import { startControlPlane, type ControlPlane } from '../../src/control/app.ts'
import { requestIdentity } from '../../src/discovery/certificate-request.ts'
import type { Identity } from '../../src/identity/identity.ts'
import { KeyRequest } from '../../src/identity/key-request.ts'
import { anonymousTlsOptions, clientTlsOptions } from '../../src/identity/tls-options.ts'
import { FakeApiServer } from '../support/kubernetes/fake-api-server.ts'
import { eventually } from '../support/mesh.ts'
import { ScriptedPeer } from '../unit/discovery/scripted-peer.ts'
import { boundToken, reviewed, reviews } from '../unit/control/kubernetes/identity/bound-token.ts'
import { podObject, reviewOf } from '../unit/control/kubernetes/webhook/reviews.ts'
import { testFolder } from '../support/test-folder.ts'

const webhooks = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
const loopback = { host: '127.0.0.1', port: 0 }

interface Cluster {
  readonly server: FakeApiServer
  readonly folder: string
  readonly told: { readonly path: string; readonly value: string }[][]
  readonly podUid: string
}

async function startCluster(t: Test): Promise<Cluster> {
  const server = await FakeApiServer.start(t)
  const folder = testFolder(t, { token: server.token })
  server.put('/api/v1/namespaces', { metadata: { name: 'shop' } })
  server.put('/api/v1/namespaces', { metadata: { name: 'kube-system' } })
  const metadata = { namespace: 'shop', name: 'orders-0', labels: { app: 'orders' } }
  const pod = server.put('/api/v1/pods', { metadata, spec: { serviceAccountName: 'orders' } })
  const podUid = pod.metadata.uid ?? ''
  const extra = { 'authentication.kubernetes.io/pod-uid': [podUid] }
  server.handlers.set(reviews, () => reviewed({}, extra))
  const told: Cluster['told'] = []
  server.handlers.set(`PATCH ${webhooks}/weft-injector`, body => {
    told.push(body as Cluster['told'][number])
    return {}
  })
  return { server, folder, told, podUid }
}

/** A replica; the state of each is its own, as an emptyDir is. */
async function startReplica(t: Test, cluster: Cluster, replica: string, webhookPort: number) {
  const control = await startControlPlane(
    {
      stateDirectory: join(cluster.folder, replica),
      trustDomain: 'weft.local',
      push: loopback,
      admin: loopback,
      leaseMs: 30_000,
      kubernetes: {
        namespace: 'weft-system',
        replica,
        server: cluster.server.url,
        tokenFile: join(cluster.folder, 'token'),
        caFile: '',
        webhook: { ...loopback, port: webhookPort },
      },
    },
    { logger: silentLogger, version: '1.2.3' },
  )
  t.teardown(() => control.close())
  return control
}

/** The bundle, as a pod of this namespace mounts it. */
async function mountedBundle({ server }: Cluster, namespace: string): Promise<string> {
  const map = () => server.find('/api/v1/configmaps', `${namespace}/weft-trust-bundle`)
  const data = (await eventually(map, Boolean))?.['data'] as Record<string, string>
  return data['trust-bundle.pem'] ?? ''
}

async function connect(t: Test, port: number, options: tls.ConnectionOptions) {
  const socket = tls.connect({ ...options, host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

interface Joining {
  readonly token: string
  readonly onFailure?: (error: unknown) => void
}

async function joinMesh(
  t: Test,
  { pushPort }: ControlPlane,
  bundle: string,
  { token, onFailure = () => {} }: Joining,
): Promise<Identity> {
  const request = await KeyRequest.create()
  const signed = await requestIdentity({
    connect: () => connect(t, pushPort, anonymousTlsOptions(bundle)),
    token: async () => token,
    request,
    random: () => 0,
    signal: new AbortController().signal,
    onFailure,
  })
  return request.complete(signed.chain, signed.bundle)
}

/** What the control plane answers to a sidecar that has a certificate. */
async function greet(t: Test, { pushPort }: ControlPlane, identity: Identity) {
  const peer = new ScriptedPeer(await connect(t, pushPort, clientTlsOptions(identity)))
  const workload = { namespace: 'shop', name: 'orders-0' }
  peer.send({ type: 'hello', protocol: 1, workload, services: '*', build: 'test' })
  peer.send({ type: 'register', address: '10.0.0.7', ports: [80], meshPort: 15_008, ready: true })
  for (;;) {
    const message = await peer.next()
    if (message['type'] === 'registered' || message['type'] === 'refused') return message
  }
}

t.test(
  'a pod becomes a sidecar by its token, and stays one whichever replica it meets',
  async t => {
    const cluster = await startCluster(t)
    const first = await startReplica(t, cluster, 'one', 0)
    const bundle = await mountedBundle(cluster, 'shop')
    t.equal(cluster.server.find('/api/v1/configmaps', 'kube-system/weft-trust-bundle'), undefined)

    cluster.server.fail(/tokenreviews/, { status: 500 }, 'die')
    const failures: unknown[] = []
    const token = boundToken({ exp: 4_000_000_000 })
    const identity = await joinMesh(t, first, bundle, { token, onFailure: e => failures.push(e) })
    t.equal(identity.uri, 'spiffe://weft.local/ns/shop/sa/orders')
    t.equal(failures.length, 2, 'trouble at the API server is waited out')
    await t.rejects(joinMesh(t, first, bundle, { token }), {
      name: 'RefusedError',
      message: /used before, with another key/,
    })
    t.match(await greet(t, first, identity), { type: 'registered' })

    const second = await startReplica(t, cluster, 'two', 0)
    t.match(await greet(t, second, identity), { type: 'registered' })
    cluster.server.remove('/api/v1/pods', 'shop/orders-0')
    const answer = await eventually(
      () => greet(t, second, identity),
      ({ type }) => type === 'refused',
    )
    t.match(answer, { reason: /was not admitted as shop\/orders-0/ })
  },
)

t.test('pods are injected over TLS that the API server was told to believe', async t => {
  const cluster = await startCluster(t)
  const installed = [{ name: 'pod.weft.dev', clientConfig: { service: {} } }]
  cluster.server.put(webhooks, { metadata: { name: 'weft-injector' }, webhooks: installed })
  const free = tls.createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as { port: number }
  await new Promise(resolve => free.close(resolve))
  await startReplica(t, cluster, 'one', port)
  const [patch] = await eventually(
    () => cluster.told,
    list => list.length > 0,
  )
  const ca = Buffer.from(patch?.[1]?.value ?? '', 'base64').toString()
  const request = httpsRequest({
    host: '127.0.0.1',
    port,
    servername: 'weft-control.weft-system.svc',
    ca,
    agent: false,
    method: 'POST',
    path: '/inject?timeout=10s',
    headers: { 'content-type': 'application/json' },
  })
  request.end(JSON.stringify(reviewOf(podObject())))
  const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>]
  let text = ''
  for await (const chunk of response) text += chunk.toString()
  const { patch: encoded = '' } = (JSON.parse(text) as { response: { patch?: string } }).response
  t.match(Buffer.from(encoded, 'base64').toString(), /"name":"weft-proxy"/)
})
