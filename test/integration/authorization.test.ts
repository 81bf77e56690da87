// AuthorizationPolicies between real sidecars: each field refuses what it should (faults C9), and lets the rest through.
import net from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { call, eventually, startMesh, startSidecar, startApplication } from '../support/mesh.ts'
import { policyYaml, startPolicedMesh } from '../support/policed-mesh.ts'

interface Case {
  readonly name: string
  readonly policy: string
  readonly allowed: Attempt
  readonly refused: Attempt
}

interface Attempt {
  readonly by?: 'web' | 'batch'
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string | string[]>
}

const web = 'spiffe://weft.local/ns/default/sa/web'

/** Of one rule. */
function cases(port: number): readonly Case[] {
  const byWeb = { allowed: { by: 'web' }, refused: { by: 'batch' } } as const
  const notWeb = { allowed: { by: 'batch' }, refused: { by: 'web' } } as const
  const rule = (text: string): string => `{ action: allow, rules: [{ ${text} }] }`
  const shut = (text: string): string => `{ action: deny, rules: [{ ${text} }] }`
  return [
    { name: 'principals', policy: rule(`from: [{ principals: ["${web}"] }]`), ...byWeb },
    {
      name: 'principals without a scheme, with a wildcard',
      policy: rule('from: [{ principals: [weft.local/ns/default/sa/w*] }]'),
      ...byWeb,
    },
    { name: 'notPrincipals', policy: rule(`from: [{ notPrincipals: ["${web}"] }]`), ...notWeb },
    { name: 'serviceAccounts', policy: rule('from: [{ serviceAccounts: [web] }]'), ...byWeb },
    {
      name: 'serviceAccounts with a namespace',
      policy: rule('from: [{ serviceAccounts: [default/web, other/batch] }]'),
      ...byWeb,
    },
    {
      name: 'notServiceAccounts',
      policy: rule('from: [{ notServiceAccounts: [default/web] }]'),
      ...notWeb,
    },
    {
      name: 'a deny by serviceAccounts',
      policy: shut('from: [{ serviceAccounts: [web] }]'),
      ...notWeb,
    },
    {
      name: 'namespaces',
      policy:
        '{ rules: [{ from: [{ namespaces: [other] }] }, { from: [{ namespaces: [def*] }], to: [{ paths: [/open] }] }] }',
      allowed: { path: '/open' },
      refused: { path: '/' },
    },
    {
      name: 'notNamespaces',
      policy:
        '{ rules: [{ from: [{ notNamespaces: [default] }] }, { from: [{ notNamespaces: [other] }], to: [{ paths: [/open] }] }] }',
      allowed: { path: '/open' },
      refused: { path: '/' },
    },
    {
      name: 'methods',
      policy: rule('to: [{ methods: [GET, HEAD] }]'),
      allowed: {},
      refused: { method: 'DELETE' },
    },
    {
      name: 'notMethods',
      policy: rule('to: [{ notMethods: [DELETE] }]'),
      allowed: {},
      refused: { method: 'DELETE' },
    },
    {
      name: 'paths',
      policy: rule('to: [{ paths: ["/public/*"] }]'),
      allowed: { path: '/public/a?x=/secret' },
      refused: { path: '/secret?x=/public/' },
    },
    {
      name: 'notPaths',
      policy: rule('to: [{ notPaths: ["/admin*"] }]'),
      allowed: { path: '/public' },
      refused: { path: '/admin/users' },
    },
    {
      name: 'a deny by paths, whatever their spelling',
      policy: shut('to: [{ paths: ["/admin", "/admin/*"] }]'),
      allowed: { path: '/Admin' },
      refused: { path: '//x/..//%61dmin/./users' },
    },
    {
      name: 'ports',
      policy: shut(`to: [{ ports: [${port}], methods: [PUT] }]`),
      allowed: {},
      refused: { method: 'PUT' },
    },
    {
      name: 'notPorts',
      policy: shut('to: [{ notPorts: [1], methods: [PUT] }]'),
      allowed: {},
      refused: { method: 'PUT' },
    },
    {
      name: 'values of a header',
      policy: rule('when: [{ header: X-Tier, values: [gold, silver*] }]'),
      allowed: { headers: { 'x-TIER': 'silver-2' } },
      refused: { headers: { 'x-tier': ['gold', 'lead'] } },
    },
    {
      name: 'notValues of a header',
      policy: rule('when: [{ header: x-tier, notValues: [lead] }]'),
      allowed: { headers: { 'x-tier': 'gold' } },
      refused: { headers: { 'x-tier': ['gold', 'lead'] } },
    },
    {
      name: 'a deny by one of several values of a header',
      policy: shut('when: [{ header: x-tier, values: [lead] }]'),
      allowed: { headers: { 'x-tier': 'gold' } },
      refused: { headers: { 'X-Tier': 'gold, lead' } },
    },
    {
      name: 'a selector',
      policy:
        '{ selector: { matchLabels: { app: orders } }, action: deny, rules: [{ to: [{ methods: [PUT] }] }] }',
      allowed: {},
      refused: { method: 'PUT' },
    },
    {
      name: 'a target',
      policy:
        '{ targetRef: { kind: Service, name: orders, port: 80 }, action: deny, rules: [{ to: [{ methods: [PUT] }] }] }',
      allowed: {},
      refused: { method: 'PUT' },
    },
  ]
}

t.test('each field of a policy refuses what it should, and nothing else', async t => {
  const { port, apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  for (const { name, policy, allowed, refused } of cases(port))
    await t.test(name, async t => {
      await apply(policyYaml('tested', policy))
      const { by = 'web', ...request } = allowed
      t.equal((await ask(by, request)).status, 200)
      const { by: other = 'web', ...violating } = refused
      const answer = await ask(other, violating)
      t.equal(answer.status, 403)
      t.equal(answer.headers['x-weft-reason'], 'denied')
      t.notMatch(answer.body, 'tested', 'the answer does not say which policy it was')
    })
})

t.test('a policy for other workloads changes nothing', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(
    policyYaml('others', '{ selector: { matchLabels: { app: payments } } }') +
      policyYaml('none', '{ action: deny, rules: [{ from: [{ namespaces: [elsewhere] }] }] }'),
  )
  t.equal((await ask('web')).status, 200)
})

t.test('a deny counts before any allow, and of several allows one suffices', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(
    policyYaml('a', '{ rules: [{ from: [{ serviceAccounts: [web] }] }] }') +
      policyYaml('b', '{ rules: [{ to: [{ paths: ["/health"] }] }] }') +
      policyYaml('c', '{ action: deny, rules: [{ to: [{ methods: [DELETE] }] }] }'),
  )
  t.equal((await ask('web')).status, 200)
  t.equal((await ask('batch')).status, 403)
  t.equal((await ask('batch', { path: '/health' })).status, 200)
  t.equal((await ask('batch', { path: '/health', method: 'DELETE' })).status, 403)
})

t.test('without a rule nobody may call, in a namespace or in the whole mesh', async t => {
  const { apply, ask, orders } = await startPolicedMesh(t, (_request, response) =>
    response.end('ok'),
  )
  await apply(policyYaml('nobody', '{}'))
  t.equal((await ask('web')).status, 403)
  const mesh = `---
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: test }
spec: { defaultAuthorization: deny }
`
  await apply(mesh)
  t.equal((await ask('web')).status, 403)
  await apply(mesh + policyYaml('open', '{ rules: [{}] }'))
  t.equal((await ask('web')).status, 200)
  const health = await call(orders.ports.admin, { path: '/ready' })
  t.equal(health.status, 200)
})

t.test('a dry run and an audit refuse nothing, and say what they saw', async t => {
  const { apply, ask, orders } = await startPolicedMesh(t, (_request, response) =>
    response.end('ok'),
  )
  await apply(
    policyYaml('dry', '{ action: deny, dryRun: true, rules: [{ to: [{ methods: [PUT] }] }] }') +
      policyYaml('only-web', '{ dryRun: true, rules: [{ from: [{ serviceAccounts: [web] }] }] }') +
      policyYaml('seen', '{ action: audit, rules: [{ to: [{ paths: ["/seen"] }] }] }'),
  )
  t.equal((await ask('web', { method: 'PUT' })).status, 200)
  t.equal((await ask('batch', { path: '/other' })).status, 200)
  t.equal((await ask('web', { path: '/seen' })).status, 200)
  const noted = () =>
    orders.accessLog
      .map(line => JSON.parse(line))
      .filter(({ policy }) => policy !== undefined)
      .map(({ policy, verdict, caller }) => [policy, verdict, caller])
  await eventually(noted, lines => lines.length === 3)
  t.same(noted(), [
    ['default/dry', 'would_deny', web],
    ['default/only-web', 'would_deny', web.replace('/web', '/batch')],
    ['default/seen', 'audited', web],
  ])
  const { body } = await call(orders.ports.admin, { path: '/metrics' })
  for (const line of [
    'policy="default/dry",action="deny",result="would_deny"} 1',
    'policy="default/only-web",action="allow",result="allowed"} 2',
    'policy="default/only-web",action="allow",result="would_deny"} 1',
    'policy="default/seen",action="audit",result="audited"} 1',
  ])
    t.ok(body.includes(`weft_authorization_decisions_total{${line}`), line)
})

t.test('of a refusal the log and the metrics of the service name the policy', async t => {
  const { apply, ask, orders } = await startPolicedMesh(t, (_request, response) =>
    response.end('ok'),
  )
  await apply(policyYaml('shut', '{ action: deny, rules: [{ to: [{ methods: [PUT] }] }] }'))
  t.equal((await ask('web', { method: 'PUT' })).status, 403)
  const line = await eventually(
    () => orders.accessLog.find(text => text.includes('"denied"')) ?? '',
    text => text !== '',
  )
  t.match(JSON.parse(line), {
    reason: 'denied',
    policy: 'default/shut',
    verdict: 'denied',
    caller: web,
  })
  const { body } = await call(orders.ports.admin, { path: '/metrics' })
  t.match(body, 'policy="default/shut",action="deny",result="denied"} 1')
})

/** Bytes come back as they went. */
async function startEcho(t: Parameters<typeof startMesh>[0]): Promise<number> {
  const server = net.createServer(socket => socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as net.AddressInfo).port
}

/** What comes back for four bytes; nothing when the connection is refused. */
function echoed(port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.on('close', () => resolve(''))
  socket.on('data', (chunk: Buffer) => {
    resolve(chunk.toString())
    socket.destroy()
  })
  socket.write('ping')
  return promise
}

t.test('a TCP connection is opened by its caller, and never by what only HTTP has', async t => {
  const port = await startEcho(t)
  const service = `
apiVersion: v1
kind: Service
metadata: { name: echo }
spec: { selector: { app: echo }, ports: [{ name: tcp, port: 9000, targetPort: ${port} }] }
`
  const start = async (policies: string) => {
    const mesh = await startMesh(t, service + policies)
    await startSidecar(t, mesh, { name: 'echo', ports: [port] })
    const ports = []
    for (const name of ['web', 'batch'])
      ports.push((await startSidecar(t, mesh, { name, upstreams: ['echo'] })).ports.upstreams[0])
    return ports as [number, number]
  }
  const byCaller = await start(
    policyYaml('a', '{ rules: [{ from: [{ serviceAccounts: [web] }] }] }'),
  )
  await eventually(
    () => echoed(byCaller[0]),
    text => text === 'ping',
  )
  t.equal(await echoed(byCaller[1]), '')
  const byMethod = await start(
    policyYaml(
      'a',
      '{ rules: [{ from: [{ serviceAccounts: [web] }] }, { to: [{ methods: [GET] }] }] }',
    ) +
      policyYaml(
        'b',
        '{ action: deny, rules: [{ to: [{ methods: [GET] }], from: [{ serviceAccounts: [batch] }] }] }',
      ),
  )
  await eventually(
    () => echoed(byMethod[0]),
    text => text === 'ping',
  )
  t.equal(await echoed(byMethod[1]), '', 'a deny holds without the HTTP it asks for')
})

t.test('who has no certificate is nobody, and a deny for all others is for him too', async t => {
  const port = await startApplication(t, (_request, response) => response.end('ok'))
  const service = (policies: string): string => `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: ${port} }] }
${policies}`
  const ask = async (policies: string, path: string): Promise<number> => {
    const mesh = await startMesh(t, service(policies))
    const orders = await startSidecar(t, mesh, { name: 'orders', ports: [port] })
    const answer = await eventually(
      () => call(orders.ports.inbound, { path }).catch(() => undefined),
      found => found !== undefined,
    )
    return answer?.status ?? 0
  }
  t.equal(await ask('', '/'), 200, 'permissive mode takes plain text')
  t.equal(await ask(policyYaml('a', '{ rules: [{ from: [{ principals: ["*"] }] }] }'), '/'), 403)
  t.equal(await ask(policyYaml('a', '{ rules: [{ from: [{ notNamespaces: [x] }] }] }'), '/'), 403)
  t.equal(
    await ask(
      policyYaml('a', '{ action: deny, rules: [{ from: [{ notNamespaces: [default] }] }] }'),
      '/',
    ),
    403,
  )
  t.equal(
    await ask(policyYaml('a', '{ rules: [{ to: [{ paths: ["/health"] }] }] }'), '/health'),
    200,
  )
})
