import t from 'tap'
import { configurationIn, problemsIn, serviceYaml } from '../configurations.ts'

function entryYaml(spec: string, name = 'api'): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: ServiceEntry
metadata: { name: ${name} }
spec: ${spec}
---`
}

const port = 'ports: [{ number: 80, protocol: http }]'

t.test('what is left out has the documented defaults', async t => {
  const { serviceEntries } = configurationIn(
    entryYaml(`{ hosts: [api.example.com], ${port}, tls: {} }`),
  )
  t.match(serviceEntries[0]?.spec, {
    resolution: 'dns',
    endpoints: [],
    exportTo: ['*'],
    tls: { mode: 'simple' },
  })
})

const mistakes: readonly (readonly [spec: string, problem: RegExp])[] = [
  [
    `{ hosts: ["*"], ${port} }`,
    /5:17 spec.hosts\[0\]: must be a host name in lower case, which may begin with/,
  ],
  [`{ hosts: ["a.*.b"], ${port} }`, /which may begin with/],
  [
    `{ hosts: ["*.a.b"], ${port}, resolution: static, endpoints: [{ address: 10.0.0.1 }] }`,
    /spec.endpoints: of a wildcard are its hosts themselves/,
  ],
  [`{ hosts: [API.example.com], ${port} }`, /lower case/],
  [`{ hosts: [a.b, a.b], ${port} }`, /spec.hosts: names a host twice/],
  [`{ hosts: [], ${port} }`, /spec.hosts/],
  ['{ hosts: [a.b], ports: [{ number: 80 }] }', /spec.ports\[0\].protocol: is missing/],
  ['{ hosts: [a.b], ports: [{ number: 80, protocol: https }] }', /spec.ports\[0\].protocol/],
  [
    '{ hosts: [a.b], ports: [{ number: 80, protocol: http }, { number: 80, protocol: tcp }] }',
    /spec.ports\[1\].number: port 80 is given twice/,
  ],
  [`{ hosts: [a.b], ${port}, resolution: static }`, /spec.endpoints: must hold the addresses/],
  [
    `{ hosts: [a.b], ${port}, resolution: static, endpoints: [{ address: b.c }] }`,
    /endpoints\[0\].address: "b.c" is a name: write resolution: dns/,
  ],
  [
    `{ hosts: [a.b], ${port}, tls: { mode: mutual, privateKeyFile: k } }`,
    /clientCertificateFile: is needed in the mode mutual/,
  ],
  [
    `{ hosts: [a.b], ${port}, tls: { privateKeyFile: k } }`,
    /privateKeyFile: needs the mode mutual/,
  ],
  [`{ hosts: [a.b], ${port}, tls: { caCertificate: x } }`, /caCertificate: must be PEM/],
  [
    '{ hosts: [a.b], ports: [{ number: 443, protocol: tls }], tls: {} }',
    /spec.tls: is of no use: on ports of the protocol tls the application does TLS itself/,
  ],
  [
    `{ hosts: [a.b], ${port}, tls: { caFiles: x } }`,
    /caFiles: unknown field; did you mean "caFile"\?/,
  ],
]

for (const [spec, problem] of mistakes)
  t.test(`a mistake is told: ${problem.source}`, async t => {
    const problems = problemsIn(entryYaml(spec))
    t.equal(problems.length, 1)
    t.match(problems[0], problem)
  })

t.test('a host has one entry for each port', async t => {
  const one = entryYaml(`{ hosts: [a.b, c.d], ${port} }`)
  t.same(problemsIn(one + entryYaml(`{ hosts: [x.y, c.d], ${port} }`, 'other')), [
    '0.yaml:10:22 spec.hosts[1]: port 80 of c.d is defined already in 0.yaml:5',
  ])
  const other = entryYaml('{ hosts: [a.b], ports: [{ number: 81, protocol: tcp }] }', 'other')
  t.same(problemsIn(one + other), [])
})

t.test('a TrafficPolicy for an entry must find it, and has no active checks', async t => {
  const policy = (target: string, more = ''): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: p }
spec: { targetRef: { kind: ServiceEntry, ${target} }${more} }
---`
  const entry = entryYaml(`{ hosts: [a.b], ${port} }`)
  t.same(problemsIn(entry + policy('name: api')), [])
  t.same(problemsIn(entry + policy('name: apo')), [
    '0.yaml:10:9 spec.targetRef: there is no ServiceEntry apo.default; did you mean api.default?',
  ])
  t.same(problemsIn(entry + policy('name: api, port: 81')), [
    '0.yaml:10:9 spec.targetRef: ServiceEntry api.default has no port 81; it has 80',
  ])
  t.match(problemsIn(entry + policy('name: api', ', healthCheck: {}')), [
    /healthCheck: is for Services/,
  ])
  // A Service of the same name has one of its own.
  const both =
    policy('name: api') + policy('name: api').replace('name: p', 'name: q').replace('Entry', '')
  t.same(problemsIn(entry + serviceYaml('api') + both), [])
})
