import t from 'tap'
import { WorkloadPolicies } from '../../../../../src/control/compilation/authorization/workload-policies.ts'
import type { PolicyWorkload } from '../../../../../src/control/compilation/authorization/policy-scope.ts'
import type { InboundPolicies } from '../../../../../src/model/inbound.ts'
import { configurationIn } from '../../../model/configurations.ts'

const services = `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec:
  selector: { app: orders }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: admin, port: 81, targetPort: admin }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: orders-1, labels: { app: orders } }
spec: { ports: [{ name: http, port: 8080 }, { name: admin, port: 9090 }] }
---
`

function resource(kind: string, spec: string, name = 'tested', namespace = 'default'): string {
  return `apiVersion: weft.dev/v1alpha1
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}
---
`
}

const orders = { namespace: 'default', name: 'orders-1', labels: { app: 'orders' } }

function policiesOf(yaml: string, workload: PolicyWorkload = orders): InboundPolicies {
  return new WorkloadPolicies(configurationIn(services + yaml)).of(workload)
}

t.test('a policy without a target is for its namespace', async t => {
  const yaml = resource('AuthorizationPolicy', '{}')
  t.same(policiesOf(yaml), {
    authorization: [{ name: 'default/tested', action: 'allow', rules: [] }],
  })
  t.same(policiesOf(yaml, { ...orders, namespace: 'other' }), {})
})

t.test('a selector wants all of its labels', async t => {
  const yaml = resource(
    'AuthorizationPolicy',
    '{ selector: { matchLabels: { app: orders, v: "2" } } }',
  )
  t.same(policiesOf(yaml), {})
  t.ok(policiesOf(yaml, { ...orders, labels: { app: 'orders', v: '2', x: 'y' } }).authorization)
})

t.test('a target is the ports of the application behind a Service', async t => {
  const ports = (target: string, workload?: PolicyWorkload) =>
    policiesOf(
      resource('AuthorizationPolicy', `{ targetRef: { name: orders${target} } }`),
      workload,
    ).authorization?.[0]?.ports
  t.same(ports(''), [8080, 9090])
  t.same(ports(', port: 80'), [8080])
  t.same(ports(', port: 81'), [9090])
  t.equal(ports('', { ...orders, labels: {} }), undefined)
})

t.test('a port whose number nobody knows could be any', async t => {
  const yaml = resource('AuthorizationPolicy', '{ targetRef: { name: orders, port: 81 } }')
  t.same(policiesOf(yaml, { ...orders, name: 'orders-2' }), {
    authorization: [{ name: 'default/tested', action: 'allow', rules: [] }],
  })
})

t.test('a Service without a selector has its pods by its slices', async t => {
  const yaml = `apiVersion: v1
kind: Service
metadata: { name: manual }
spec: { ports: [{ name: http, port: 80 }, { name: other, port: 81 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: manual-1, labels: { kubernetes.io/service-name: manual } }
addressType: IPv4
endpoints: [{ addresses: [10.0.0.1], targetRef: { kind: Pod, name: orders-1 } }]
ports: [{ name: http, port: 8080 }]
---
${resource('AuthorizationPolicy', '{ targetRef: { name: manual } }')}`
  t.match(policiesOf(yaml), { authorization: [{ ports: [8080] }] })
  t.same(policiesOf(yaml, { ...orders, name: 'orders-2' }), {})
  const other = yaml.replace('{ name: manual } }', '{ name: manual, port: 81 } }')
  t.same(policiesOf(other), {}, 'which no slice has')
})

t.test('a Function is a target by its name', async t => {
  const yaml = `${resource('Function', '{ runtime: nodejs, code: ., handler: index.handler }', 'hello')}${resource('AuthorizationPolicy', '{ targetRef: { kind: Function, name: hello } }')}`
  const host = { namespace: 'default', labels: {}, function: 'hello' }
  t.equal(policiesOf(yaml, host).authorization?.length, 1)
  t.same(policiesOf(yaml, { ...host, function: 'other' }), {})
})

t.test('a selector finds the hosts of a Function by its labels, whoever started them', async t => {
  const metadata = 'metadata: { name: hello, labels: { tier: inner } }'
  const hello = resource('Function', '{ runtime: nodejs, code: ., handler: index.handler }')
  const yaml =
    hello.replace(/metadata: .*/, metadata) +
    resource('AuthorizationPolicy', '{ selector: { matchLabels: { tier: inner } } }')
  const host = { namespace: 'default', labels: { 'weft.dev/function': 'hello' }, function: 'hello' }
  t.equal(policiesOf(yaml, host).authorization?.length, 1)
  t.same(policiesOf(yaml, { ...host, namespace: 'other' }), {})
  t.same(policiesOf(yaml, { ...host, function: 'other' }), {})
})

t.test('names of the own namespace are completed, and schemes', async t => {
  const rules =
    '[{ from: [{ principals: [a.b/ns/x/sa/y, "*/sa/z"], notServiceAccounts: [web, shop/b] }] }]'
  t.match(policiesOf(resource('AuthorizationPolicy', `{ rules: ${rules} }`)), {
    authorization: [
      {
        rules: [
          {
            from: [
              {
                principals: ['spiffe://a.b/ns/x/sa/y', '*/sa/z'],
                notServiceAccounts: ['default/web', 'shop/b'],
              },
            ],
          },
        ],
      },
    ],
  })
})

t.test('by default the whole mesh can be shut', async t => {
  const yaml = resource('Mesh', '{ defaultAuthorization: deny }')
  t.match(policiesOf(yaml), { authorization: [{ name: 'Mesh/defaultAuthorization', rules: [] }] })
})

t.test('paths are normalized where a policy looks at them, and nowhere else', async t => {
  const rule = (to: string): string =>
    resource('AuthorizationPolicy', `{ action: deny, rules: [{ to: [{ ${to} }] }] }`)
  t.equal(policiesOf(rule('methods: [PUT]')).pathNormalization, undefined)
  t.equal(policiesOf(rule('paths: [/a]')).pathNormalization, 'mergeSlashes')
  t.equal(policiesOf(rule('notPaths: [/a]')).pathNormalization, 'mergeSlashes')
  const base = resource('Mesh', '{ pathNormalization: base }')
  t.equal(policiesOf(base + rule('paths: [/a]')).pathNormalization, 'base')
  const none = resource('Mesh', '{ pathNormalization: none }')
  t.equal(policiesOf(none + rule('paths: [/a]')).pathNormalization, undefined)
  const limit = '{ requests: 1, match: { paths: [/a] } }'
  const limited = resource(
    'TrafficPolicy',
    `{ targetRef: { name: orders }, rateLimits: [${limit}] }`,
  )
  t.equal(policiesOf(limited).pathNormalization, 'mergeSlashes')
})

t.test('rules for tokens have the place of RFC 6750 where they name none', async t => {
  const rule = (more: string): string =>
    resource(
      'RequestAuthentication',
      `{ jwtRules: [{ issuer: a, jwksUri: "https://a/keys" ${more} }] }`,
    )
  t.match(policiesOf(rule('')), {
    authentication: {
      rules: [
        {
          policy: 'default/tested',
          audiences: [],
          forward: false,
          fromHeaders: [{ name: 'authorization', prefix: 'Bearer ' }],
          fromParams: [],
        },
      ],
    },
  })
  t.match(policiesOf(rule(', fromParams: [t]')), {
    authentication: { rules: [{ fromHeaders: [], fromParams: ['t'] }] },
  })
})

t.test('a policy for tokens without rules holds on its ports, whatever others say', async t => {
  const rule = '{ issuer: a, jwksUri: "https://a/keys" }'
  const of = (target: string, rules: string, name: string): string =>
    resource('RequestAuthentication', `{ ${target} jwtRules: [${rules}] }`, name)
  const admin = of('targetRef: { name: orders, port: 81 },', rule, 'admin')
  const ports = (yaml: string) => policiesOf(yaml).authentication?.ports
  t.same(ports(admin), [9090])
  t.same(ports(admin + of('targetRef: { name: orders, port: 80 },', '', 'shut')), [8080, 9090])
  t.equal(ports(admin + of('', '', 'shut')), undefined)
})

t.test(
  'without rules tokens are looked for and believed from nobody, whatever other ports believe',
  async t => {
    const nobody = { policy: 'default/tested', issuer: '', jwks: { keys: [] } }
    t.match(policiesOf(resource('RequestAuthentication', '{ jwtRules: [] }')), {
      authentication: { rules: [{ ...nobody, fromHeaders: [{ name: 'authorization' }] }] },
    })
    const believes = `{ targetRef: { name: orders, port: 80 }, jwtRules: [{ issuer: a, jwksUri: 'https://a/keys' }] }`
    const both =
      resource('RequestAuthentication', '{ jwtRules: [] }') +
      resource('RequestAuthentication', believes, 'other')
    t.match(policiesOf(both), {
      authentication: { rules: [nobody, { issuer: 'a', ports: [8080] }] },
    })
  },
)

t.test(
  "limits hold on the ports of their Service; those of a port hold instead of its Service's",
  async t => {
    const yaml =
      resource(
        'TrafficPolicy',
        '{ targetRef: { name: orders }, rateLimits: [{ requests: 5, key: caller, overrides: [{ caller: x, requests: 9 }] }] }',
        'whole',
      ) +
      resource(
        'TrafficPolicy',
        '{ targetRef: { name: orders, port: 81 }, rateLimits: [{ requests: 1, per: 1m, burst: 2 }, { requests: 3, key: { header: X-T } }] }',
        'port',
      )
    t.same(policiesOf(yaml), {
      rateLimits: [
        {
          name: 'default/whole/0',
          ports: [8080],
          quota: { requests: 5, perMs: 1000, burst: 5 },
          key: { kind: 'caller' },
          overrides: [{ caller: 'spiffe://x', quota: { requests: 9, perMs: 1000, burst: 9 } }],
        },
        {
          name: 'default/port/0',
          ports: [9090],
          quota: { requests: 1, perMs: 60_000, burst: 2 },
          key: { kind: 'none' },
          overrides: [],
        },
        {
          name: 'default/port/1',
          ports: [9090],
          quota: { requests: 3, perMs: 1000, burst: 3 },
          key: { kind: 'header', name: 'x-t' },
          overrides: [],
        },
      ],
    })
    t.same(policiesOf(yaml, { ...orders, labels: { app: 'web' } }), {})
  },
)

t.test('workloads with the same policies share what they are told', async t => {
  const yaml = resource('AuthorizationPolicy', '{ selector: { matchLabels: { app: orders } } }')
  const policies = new WorkloadPolicies(configurationIn(services + yaml))
  const first = policies.of(orders)
  t.equal(policies.of({ ...orders, name: 'orders-2', labels: { app: 'orders', n: '2' } }), first)
  t.not(policies.of({ ...orders, labels: {} }), first)
})

t.test('where requests are looked into it is told which ports carry bytes', async t => {
  const database = `apiVersion: v1
kind: Service
metadata: { name: database }
spec: { selector: { app: orders }, ports: [{ name: tcp-sql, port: 5432 }, { name: other, port: 5433 }] }
---
`
  t.same(policiesOf(database), {})
  t.match(policiesOf(database + resource('RequestAuthentication', '{ jwtRules: [] }')), {
    authentication: { rules: [{ issuer: '', jwks: { keys: [] } }] },
    tcpPorts: [5432],
  })
})
