import { connect } from 'node:net'
import tls from 'node:tls'
import type { Case, CaseContext } from '../case.ts'
import { Project } from '../engine/compose.ts'
import type { ContainerEvent, Inspected } from '../engine/engine.ts'
import { ask } from '../engine/gateway.ts'
import { metricOf } from '../engine/metrics.ts'
import { copyShop, gatewayPort } from '../engine/shop-files.ts'
import { until } from '../engine/waiting.ts'

const applications = ['storefront-app', 'orders-v1-app', 'orders-v2-app', 'payments-app']
const samples = 200

/** docker-compose.yml as it stands in the repository. */
export const shop: Case = {
  name: 'shop',
  async run(context) {
    const begun = Math.floor(Date.now() / 1000)
    await using project = new Project(context.engine, 'shop', copyShop(context.folder))
    const upAt = performance.now()
    await project.up()
    context.report.figure('shop: `up` took', (performance.now() - upAt) / 1000, 's')
    await allHealthy(context, project, begun)
    await traffic(context, project)
    await mutualTls(context, project)
    await crash(context, project)
    await stop(context, project)
  },
}

async function allHealthy(
  { engine, report }: CaseContext,
  project: Project,
  begun: number,
): Promise<void> {
  const containers = await project.containers()
  const checked = [...containers].filter(([, { State }]) => State.Health !== undefined)
  const sick = checked.filter(([, { State }]) => State.Health?.Status !== 'healthy')
  // Whether the last one is well nothing waits for: the gateway has no application.
  await until('the gateway is healthy', async () => {
    const { State } = await project.container('gateway')
    return State.Health?.Status === 'healthy'
  })
  const late = sick.filter(([name]) => name !== 'gateway').map(([name]) => name)
  report.check(
    'the control plane and five sidecars are healthy',
    checked.length === 6 && late.length === 0,
    late,
  )
  const events = await engine.eventsSince(begun)
  const early = applications.filter(name => {
    const sidecar = containers.get(name.replace(/-app$/, ''))
    return !startedAfter(events, containers.get(name), sidecar)
  })
  report.check('no application starts before its sidecar is healthy', early.length === 0, early)
}

function startedAfter(
  events: readonly ContainerEvent[],
  application: Inspected | undefined,
  sidecar: Inspected | undefined,
): boolean {
  const firstOf = (of: Inspected | undefined, action: string): number | undefined =>
    events.find(event => event.id === of?.Id && event.action === action)?.atMs
  const started = firstOf(application, 'start')
  const healthy = firstOf(sidecar, 'health_status: healthy')
  return started !== undefined && healthy !== undefined && started >= healthy
}

async function traffic({ report }: CaseContext, project: Project): Promise<void> {
  const seen: Record<string, number> = {}
  const toStorefront = { host: 'storefront' }
  await until(
    'the shop answers',
    async () => (await ask(gatewayPort, '/', toStorefront)).status === 200,
  )
  const sidecars = ['storefront', 'orders-v1', 'orders-v2', 'payments']
  const inboundOf = async (name: string): Promise<number> =>
    metricOf(await project.addressOf(name), 'weft_requests_total', {
      direction: 'inbound',
      code_class: '2xx',
    })
  const before = await Promise.all(sidecars.map(inboundOf))
  for (let sent = 0; sent < samples; sent++) {
    const { status, body } = await ask(gatewayPort, '/orders/7', toStorefront)
    const version = /"version":"(v\d)"/.exec(body)?.[1] ?? `${status}`
    const paid = body.includes('"state":"paid"')
    const key = paid ? version : `${version} unpaid`
    seen[key] = (seen[key] ?? 0) + 1
  }
  const { v1 = 0, v2 = 0 } = seen
  report.figure(`shop: ${samples} orders by v1 and v2, 90 to 10`, `${v1} and ${v2}`)
  report.check(
    'a request goes through gateway, storefront, orders and payments',
    v1 + v2 === samples,
    seen,
  )
  // Beyond four standard deviations of a share of 10 %.
  report.check('one of ten goes to v2', v2 >= 4 && v2 <= 38, seen)
  const after = await Promise.all(sidecars.map(inboundOf))
  const counted = after.map((count, index) => count - (before[index] ?? 0))
  report.check(
    'each sidecar has counted what came in',
    counted.join() === [samples, v1, v2, samples].join(),
    counted,
  )
  const canary = await Promise.all(
    Array.from({ length: 10 }, () => ask(gatewayPort, '/', { host: 'orders', 'x-canary': 'yes' })),
  )
  report.check(
    "all of a tester's go to v2",
    canary.every(({ body }) => body.includes('"v2"')),
    canary,
  )
}

async function mutualTls({ engine, report }: CaseContext, project: Project): Promise<void> {
  const address = await project.addressOf('payments')
  const control = await project.container('weft-control')
  const archive = await engine.docker('exec', control.Id, 'node', '-e', printBundle)
  const socket = tls.connect({
    host: address,
    port: 15_008,
    ca: archive,
    checkServerIdentity: () => undefined,
  })
  const seen = { protocol: '', authorized: false, names: '', end: 'none' }
  socket.on('secureConnect', () => {
    seen.protocol = socket.getProtocol() ?? ''
    seen.authorized = socket.authorized
    seen.names = socket.getPeerX509Certificate()?.subjectAltName ?? ''
    socket.write('GET / HTTP/1.1\r\nhost: payments\r\n\r\n')
  })
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => (seen.end = error.code ?? error.message))
  await new Promise(resolve => socket.once('close', resolve))
  report.check(
    'a sidecar shows a SPIFFE ID of the mesh, by TLS 1.3',
    seen.authorized &&
      seen.protocol === 'TLSv1.3' &&
      seen.names === 'URI:spiffe://weft.local/ns/default/sa/payments',
    seen,
  )
  report.check(
    'who has no certificate is refused',
    received === '' && /CERTIFICATE_REQUIRED/.test(seen.end),
    { ...seen, received },
  )
  const direct = connect({ host: address, port: 8080 })
  const refused = await new Promise<boolean>(resolve => {
    direct.once('connect', () => resolve(false))
    direct.once('error', () => resolve(true))
  })
  direct.destroy()
  report.check('nobody reaches an application but through its sidecar', refused)
}

const printBundle =
  "process.stdout.write(require('fs').readFileSync('/var/run/weft/trust/trust-bundle.pem'))"

async function crash({ report }: CaseContext, project: Project): Promise<void> {
  const sidecar = await project.container('payments')
  const application = await project.container('payments-app')
  process.kill(application.State.Pid, 'SIGKILL')
  const restarted = async (): Promise<boolean> => {
    const { State } = await project.container('payments-app')
    return State.Status === 'running' && State.Pid !== application.State.Pid
  }
  await until('the application that crashed runs again', restarted)
  const headers = { host: 'storefront' }
  const ms = await until(
    'it answers again',
    async () => (await ask(gatewayPort, '/', headers)).status === 200,
  )
  report.figure('shop: crashed application, from its restart to an answer', ms, 'ms')
  const { Id, State } = await project.container('payments')
  report.check(
    'an application that is killed comes back to the same sidecar',
    Id === sidecar.Id &&
      State.StartedAt === sidecar.State.StartedAt &&
      State.Health?.Status === 'healthy',
    State,
  )
}

async function stop({ report }: CaseContext, project: Project): Promise<void> {
  const begun = performance.now()
  await project.compose('stop')
  report.figure('shop: `stop` took', (performance.now() - begun) / 1000, 's')
  const codes = [...(await project.containers())].map(
    ([name, { State }]) => `${name} ${State.ExitCode}`,
  )
  const wrong = codes.filter(code => !code.endsWith(' 0'))
  report.check('`stop` ends all ten with 0', codes.length === 10 && wrong.length === 0, wrong)
}
