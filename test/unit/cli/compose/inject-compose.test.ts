import fc from 'fast-check'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { ComposeError } from '../../../../src/cli/compose/file/compose-file.ts'
import { injectCompose, uninjectCompose } from '../../../../src/cli/compose/inject-compose.ts'
import type { InjectOptions } from '../../../../src/cli/compose/plan/inject-options.ts'
import { reportLines } from '../../../../src/cli/compose/report.ts'

const options: InjectOptions = { mode: 'auto', image: 'weft:test', socket: '/run/docker.sock' }

type Services = Record<string, Record<string, unknown>>

/** What becomes of a file, which comes back by the way, and is the same when injected twice. */
function injectedServices(t: Test, text: string, changes: Partial<InjectOptions> = {}) {
  const wanted = { ...options, ...changes }
  const { text: injected, plan } = injectCompose('compose.yaml', text, wanted)
  t.equal(uninjectCompose('compose.yaml', injected).text, text)
  t.equal(injectCompose('compose.yaml', injected, wanted).text, injected)
  const whole = parse(injected, { merge: true }) as { services: Services }
  return { services: whole.services, whole, injected, lines: reportLines(plan) }
}

const shop = `# the shop
services:
  web: # front
    image: web
    ports: ["8080:3000"]   # to the world
    depends_on: [api, db]

  api:
    image: api
    expose:
      - "4000"
    environment:
      - DB=db
`

t.test('a service becomes its sidecar, and its application joins it when it is ready', async t => {
  const { services } = injectedServices(t, `${shop}  db: { image: 'postgres:16' }\n`)
  t.match(services['web'], {
    image: 'weft:test',
    user: '1337:1337',
    read_only: true,
    cap_drop: ['ALL'],
    ports: ['8080:3000'],
    labels: { 'weft.service': 'web', 'weft.port': '3000' },
    environment: { WEFT_JOIN: 'container', WEFT_APPLICATION_PORTS: '3000', WEFT_DNS: 'on' },
    depends_on: { 'weft-control': { condition: 'service_healthy' } },
  })
  t.notHas(services['web'], 'hostname')
  t.strictSame(services['web-app'], {
    image: 'web',
    network_mode: 'service:web',
    volumes: [
      {
        type: 'bind',
        source: './weft.resolv.conf',
        target: '/etc/resolv.conf',
        read_only: true,
        bind: { create_host_path: false },
      },
    ],
    depends_on: {
      web: { condition: 'service_healthy', restart: true },
      'api-app': { condition: 'service_started' },
      'db-app': { condition: 'service_started' },
    },
  })
  t.match(services['db']?.['labels'], { 'weft.port': '5432', 'weft.protocol': 'tcp' })
})

t.test('the control plane alone sees the engine', async t => {
  const { services, whole } = injectedServices(t, shop)
  const volumes = Object.entries(services).filter(([, { volumes }]) =>
    JSON.stringify(volumes ?? []).includes('docker.sock'),
  )
  t.strictSame(
    volumes.map(([name]) => name),
    ['weft-control'],
  )
  t.match(services['weft-control'], { networks: ['default'], group_add: ['${DOCKER_GID:-0}'] })
  t.match(whole, { volumes: { 'weft-control': {}, 'weft-trust': {} } })
})

t.test('comments and all lines that need no change stay', async t => {
  const { injected } = injectedServices(t, shop)
  for (const line of shop.split('\n')) t.ok(injected.includes(line), line)
})

t.test('who has a port that another has too gets its traffic captured', async t => {
  const text = 'services:\n  a: { image: a, expose: [80] }\n  b: { image: b, expose: [80] }\n'
  const { services, lines } = injectedServices(t, text)
  t.match(services['a-init'], {
    command: ['init', '--uid=1337'],
    network_mode: 'service:a',
    cap_add: ['NET_ADMIN', 'NET_RAW'],
  })
  t.match(services['a-app']?.['depends_on'], {
    'a-init': { condition: 'service_completed_successfully' },
  })
  t.equal(services['a-app']?.['volumes'], undefined)
  t.match(lines[0], /^a injected: port 80; transparent mode; its application is a-app$/)
  t.notHas(injectedServices(t, text, { mode: 'dns' }).services, 'a-init')
})

t.test('what belongs to the network goes to the sidecar, and its names with it', async t => {
  const { services, lines } = injectedServices(
    t,
    `services:
  a:
    image: a
    container_name: the-a
    hostname: host-a
    networks:
      - front
    extra_hosts: ["x:10.0.0.1"]
    dns: 1.1.1.1
    sysctls: { net.core.somaxconn: 1, kernel.msgmax: 2 }
    labels: [weft.port=80, weft.namespace=shop, other=1]
networks:
  front:
`,
  )
  t.match(services['a'], {
    networks: { front: { aliases: ['host-a', 'the-a'] } },
    extra_hosts: ['x:10.0.0.1', 'a:127.0.0.1'],
    dns: '1.1.1.1',
    sysctls: { 'net.core.somaxconn': '1' },
    labels: { 'weft.service': 'a', 'weft.port': '80', 'weft.namespace': 'shop' },
    environment: { WEFT_NAMESPACE: 'shop' },
  })
  t.match(services['a-app'], {
    container_name: 'the-a',
    sysctls: { 'kernel.msgmax': '2' },
    labels: ['other=1'],
  })
  for (const field of ['hostname', 'networks', 'extra_hosts', 'dns'])
    t.notHas(services['a-app'], field)
  t.match(services['weft-control'], { networks: ['front'] })
  t.match(lines[1], /host name host-a is an alias/)
})

t.test('services without a network in common get one', async t => {
  const { services, whole, lines } = injectedServices(
    t,
    `services:
  a: { image: a, expose: [1], networks: [x] }
  b: { image: b, expose: [2], networks: { y: { ipv4_address: 10.0.0.2 } } }
networks: { x: {}, y: {} }
`,
  )
  t.strictSame(services['b']?.['networks'], { y: { ipv4_address: '10.0.0.2' }, 'weft-mesh': {} })
  t.match(whole, { networks: { x: {}, y: {}, 'weft-mesh': {} } })
  t.match(lines.at(-1), /network weft-mesh added/)
})

t.test('merge keys bring in nothing that was moved away', async t => {
  const { services } = injectedServices(
    t,
    `x-base: &base
  ports: ["80"]
  networks: [n]
  depends_on: [c]
  labels: { weft.protocol: http, l: 1 }
services:
  a:
    <<: *base
    image: a
  b: &b
    <<: *base
    image: b
    ports: ["81"]
  c: { <<: *b, image: c, ports: ["82"], depends_on: [] }
networks: { n: {} }
`,
  )
  t.strictSame(services['a']?.['ports'], ['80'])
  t.match(services['a-app'], { ports: [], networks: {}, labels: { l: 1 } })
  t.match(services['b-app'], { ports: [], network_mode: 'service:b' })
  t.match(services['c-app'], { image: 'c', network_mode: 'service:c' })
  t.match(services['c'], { ports: ['82'], networks: ['n'] })
})

t.test('who means an application by name means it by its new one', async t => {
  const { services } = injectedServices(
    t,
    `services:
  a: { image: a, expose: [80] }
  job:
    image: job
    restart: "no"
    depends_on:
      a: { condition: service_healthy }   # up
    volumes_from: [a:ro, container:a]
    pid: service:a
    ipc: host
    links: [a]
`,
  )
  t.strictSame(services['job'], {
    image: 'job',
    restart: 'no',
    depends_on: { 'a-app': { condition: 'service_healthy' } },
    volumes_from: ['a-app:ro', 'container:a'],
    pid: 'service:a-app',
    ipc: 'host',
    links: ['a'],
  })
})

const skipped: readonly [string, RegExp, Partial<InjectOptions>?][] = [
  ['{ image: s }', /nothing says where it serves/],
  ['{ image: s, restart: "no" }', /runs once/],
  ['{ image: s, expose: [1], labels: { weft.inject: "false" } }', /weft.inject/],
  ['{ image: s, expose: [1], labels: ["weft.plain=true"] }', /weft.plain/],
  ['{ image: s, expose: [1], labels: { weft.prot: http } }', /did you mean "weft.port"/],
  ['{ image: s, expose: [1], network_mode: host }', /network_mode host/],
  ['{ image: s, expose: [1], extends: { file: f, service: s } }', /extends f#s/],
  ['{ image: s, expose: [1], deploy: { replicas: 3 } }', /3 replicas/],
  ['{ image: s, expose: [1], scale: "${N:-2}" }', /2 replicas/],
  ['{ image: s, expose: [15001] }', /15001 is one of its sidecar's own/],
  ['{ image: s, expose: [53] }', /answers DNS/, { mode: 'dns' }],
  ['{ provider: { type: x } }', /a provider/],
  ['', /empty/],
  ['{ image: s, expose: [1] }\n  s-app: { image: x }', /a service s-app/],
  ['&s { image: s, expose: [1] }\n  t: { <<: *s, scale: 2 }', /t, which is not injected, takes/],
  ['{ image: s, expose: [1] }', /not named/, { services: ['other'] }],
]
for (const [service, reason, changes] of skipped)
  t.test(`skipped, and told why: ${service || 'nothing'}`, async t => {
    const text = `services:\n  other: { image: o, expose: [7] }\n  s: ${service}\n`
    const { lines } = injectedServices(t, text, changes)
    const line = lines.find(told => told.startsWith('s skipped: '))
    t.match(line, reason)
  })

/** The first that is found. */
function problemIn(work: () => unknown) {
  try {
    work()
  } catch (error) {
    if (error instanceof ComposeError && error.problems[0] !== undefined) return error.problems[0]
    throw error
  }
  return { line: 0, column: 0, message: 'nothing was wrong' }
}

const refused: readonly [string, string, RegExp][] = [
  ['a: [1', '1:6', /./],
  ['- a\n', '1:1', /no compose file/],
  ['version: "3"\n', '1:1', /has no "services"/],
  ['{"services": {"a": {}}}', '1:1', /flow style/],
  ['services: { a: { image: a } }\n', '1:1', /block style/],
  ['services:\n  a: *none\n', '1:1', /none/],
  ['services:\n  weft-control: { image: a }\n', '2:3', /a name that injection needs/],
  ['services:\n  a: { image: a, image: b }\n', '2:18', /unique/],
]
for (const [text, place, message] of refused)
  t.test(`refused at ${place}: ${JSON.stringify(text)}`, async t => {
    const { line, column, message: said } = problemIn(() => injectCompose('f', text, options))
    t.equal(`${line}:${column}`, place)
    t.match(said, message)
  })

t.test('a service that is asked for and not there is a fault', async t => {
  const problem = problemIn(() => injectCompose('f', shop, { ...options, services: ['wbe'] }))
  t.match(problem, { line: 2, message: /no service "wbe"/ })
})

t.test('what was changed since injection stays, and where it cannot, that is told', async t => {
  const { text } = injectCompose('f', shop, options)
  const edited = text.replace('image: api', 'image: api:2')
  t.equal(uninjectCompose('f', edited).text, shop.replace('image: api', 'image: api:2'))
  const broken = text.replace("WEFT_DNS: 'on'", "WEFT_DNS: 'off'")
  t.match(
    problemIn(() => uninjectCompose('f', broken)),
    { message: /changed by hand/ },
  )
  t.match(
    problemIn(() => injectCompose('f', broken, options)),
    { message: /changed by hand/ },
  )
})

const field = fc.constantFrom(
  'image: x',
  '# a comment',
  '',
  'ports: ["80"]',
  'expose:\n    - "81" # c\n\n    - 82',
  'labels:\n      a: b\n      weft.protocol: http',
  'volumes:\n    - ./a:/a',
  'depends_on:\n    - s0',
  'command: |+\n      text\n\n',
  'hostname: h',
  'networks: [default]',
  'environment: { A: "1" }',
)
const service = fc.uniqueArray(field, { minLength: 1, maxLength: 8 })

t.test('any file comes back byte for byte', async () => {
  fc.assert(
    fc.property(
      fc.array(service, { minLength: 1, maxLength: 4 }),
      fc.constantFrom('auto', 'dns', 'transparent'),
      fc.record({ crlf: fc.boolean(), mark: fc.boolean(), ended: fc.boolean() }),
      (services, mode, { crlf, mark, ended }) => {
        const blocks = services.map((fields, index) =>
          [`  s${index}:`, ...fields.map(line => (line === '' ? '' : `    ${line}`))].join('\n'),
        )
        const unix = `${mark ? '\uFEFF' : ''}services:\n${blocks.join('\n')}${ended ? '\n' : ''}`
        const text = crlf ? unix.replaceAll('\n', '\r\n') : unix
        const { text: injected } = injectCompose('f', text, { ...options, mode })
        return uninjectCompose('f', injected).text === text
      },
    ),
    { numRuns: 30 },
  )
})
