import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { formatStatus, status } from '../../../src/cli/status.ts'
import { freePorts } from '../../support/process.ts'
import type { MeshStatus, SidecarStatus } from '../../../src/control/status.ts'

const orders: SidecarStatus = {
  namespace: 'default',
  name: 'orders',
  identity: 'spiffe://weft.local/ns/default/sa/orders',
  connected: true,
  ready: true,
  address: '10.0.0.1',
  ackedVersion: '0123456789abcdef',
  synced: true,
}

const problem = { file: 'a.yaml', line: 3, column: 5, path: 'spec.prot', message: 'unknown field' }

function meshOf(sidecars: SidecarStatus[], problems = [] as (typeof problem)[]): MeshStatus {
  const configuration = { loadedAt: '2026-05-04T10:00:00.000Z', problems }
  return { trustDomain: 'weft.local', configuration, sidecars, functions: [], platforms: {} }
}

/** A control plane that knows its status only. */
async function serve(t: Test, answer: object, code = 200): Promise<URL> {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/status' ? code : 404
    response.end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

t.test('each sidecar is a row with what it runs on', async t => {
  const { connected: _, ackedVersion: __, synced: ___, ...registered } = orders
  const payments = { ...registered, name: 'payments', connected: false, ready: false }
  const stale = { ...orders, name: 'stale', synced: false }
  t.same(formatStatus(meshOf([orders, payments, stale])).split('\n'), [
    'trust domain weft.local, configuration of 2026-05-04T10:00:00.000Z',
    'WORKLOAD  NAMESPACE  STATE      TRAFFIC  VERSION   CONFIGURATION  ADDRESS',
    'orders    default    connected  takes    01234567  synced         10.0.0.1',
    'payments  default    gone       none     -         -              10.0.0.1',
    'stale     default    connected  takes    01234567  stale          10.0.0.1',
  ])
})

t.test('problems of the files and of a sidecar that rejected them are told in full', async t => {
  const rejection = { version: 'v', problems: [{ path: 'clusters.a', message: 'no endpoints' }] }
  const lines = formatStatus(meshOf([{ ...orders, rejection }], [problem])).split('\n')
  t.equal(lines[1], 'not in use: a.yaml:3:5 spec.prot: unknown field')
  t.match(lines[3], /^orders .* rejected /)
  t.equal(lines.at(-1), 'orders rejected: clusters.a: no endpoints')
})

t.test('the exit code tells whether all run on what lies on disk', async t => {
  const out = t.capture(console, 'log', () => {})
  const exitCodeFor = async (mesh: MeshStatus): Promise<number> =>
    status({ controlPlane: await serve(t, mesh), json: false })
  t.equal(await exitCodeFor(meshOf([orders])), 0)
  t.equal(await exitCodeFor(meshOf([orders, { ...orders, synced: false }])), 1)
  t.equal(await exitCodeFor(meshOf([orders], [problem])), 1)
  t.equal(out().length, 3)
})

t.test('--json prints what the control plane said', async t => {
  const out = t.capture(console, 'log', () => {})
  const mesh = meshOf([orders])
  await status({ controlPlane: await serve(t, mesh), json: true })
  t.same(JSON.parse(out()[0]?.args[0] as string), mesh)
})

t.test('a control plane that does not answer is named, with the reason', async t => {
  const failing = await serve(t, {}, 503)
  await t.rejects(status({ controlPlane: failing, json: false }), {
    name: 'CommandError',
    message: `no status from ${failing.href}status: answered 503`,
  })
  const [port] = await freePorts(1)
  const absent = new URL(`http://127.0.0.1:${port}`)
  await t.rejects(status({ controlPlane: absent, json: false }), {
    message: `no status from ${absent.href}status: connect ECONNREFUSED 127.0.0.1:${port}`,
  })
})
