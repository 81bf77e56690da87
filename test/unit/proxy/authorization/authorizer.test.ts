import t from 'tap'
import { HeaderList } from '../../../../src/http/headers.ts'
import type {
  AuthorizationPolicy,
  AuthorizationRule,
} from '../../../../src/model/policy/authorization.ts'
import { Authorizer } from '../../../../src/proxy/authorization/authorizer.ts'
import { PolicyCounters } from '../../../../src/proxy/authorization/policy-counters.ts'
import { RequestView } from '../../../../src/proxy/authorization/request-view.ts'
import { plainPath } from '../../../../src/proxy/authorization/visible-path.ts'

interface Call {
  readonly peer?: string | undefined
  readonly method?: string
  readonly path?: string
  readonly port?: number
  readonly headers?: readonly (readonly [string, string])[]
  readonly claims?: Readonly<Record<string, unknown>>
  readonly isTcp?: boolean
}

const web = 'spiffe://weft.local/ns/default/sa/web'
const batch = 'spiffe://weft.local/ns/jobs/sa/batch.v1'

function policyOf(
  rules: readonly AuthorizationRule[],
  changes: Partial<AuthorizationPolicy> = {},
): AuthorizationPolicy {
  return { name: 'default/tested', action: 'allow', rules, ...changes }
}

function decide(policies: readonly AuthorizationPolicy[], calls: readonly Call[]) {
  const counters = new PolicyCounters()
  const authorizer = new Authorizer(policies, counters)
  const decisions = calls.map(call => {
    const { method = 'GET', path = '/', port = 80, headers = [], claims, isTcp = false } = call
    const view = new RequestView()
    view.method = method
    view.path = path
    view.pathWithoutParameters = path.includes(';') ? plainPath(path) : undefined
    view.port = port
    view.claims = claims
    view.headers = new HeaderList()
    for (const [name, value] of headers) view.headers.append(name, value)
    return authorizer.decide(view, 'peer' in call ? call.peer : web, isTcp)
  })
  return { decisions, counters }
}

function allows(rule: AuthorizationRule, ...calls: Call[]): boolean[] {
  return decide([policyOf([rule])], calls).decisions.map(({ isAllowed }) => isAllowed)
}

function denies(rule: AuthorizationRule, ...calls: Call[]): boolean[] {
  const { decisions } = decide([policyOf([rule], { action: 'deny' })], calls)
  return decisions.map(({ isAllowed }) => !isAllowed)
}

t.test('names of callers are texts: a dot in one stands for a dot', async t => {
  const other = batch.replace('batch.v1', 'batch-v1')
  const rules = [
    { principals: [batch] },
    { serviceAccounts: ['jobs/batch.v1'] },
    { serviceAccounts: ['j*/*.v1'] },
  ]
  for (const source of rules)
    t.same(allows({ from: [source] }, { peer: batch }, { peer: other }), [true, false])
})

t.test('a wildcard of a service account does not reach over its namespace', async t => {
  const calls = [{ peer: web }, { peer: batch }]
  t.same(allows({ from: [{ serviceAccounts: ['*/web'] }] }, ...calls), [true, false])
  t.same(allows({ from: [{ serviceAccounts: ['default/*'] }] }, ...calls), [true, false])
  t.same(allows({ from: [{ serviceAccounts: ['*web/*'] }] }, ...calls), [false, false])
})

t.test('all fields of a source must hold, and one of several sources', async t => {
  const calls = [{ peer: web }, { peer: batch }, { peer: web.replace('/default/', '/other/') }]
  const both = { namespaces: ['default', 'jobs'], notServiceAccounts: ['jobs/*'] }
  t.same(allows({ from: [both] }, ...calls), [true, false, false])
  t.same(allows({ from: [both, { namespaces: ['oth*'] }] }, ...calls), [true, false, true])
})

t.test('who has no identity is in no list, and an exception is not for him', async t => {
  for (const peer of [undefined, '', 'spiffe://weft.local/other/shape']) {
    const call = { peer }
    t.same(allows({ from: [{ principals: ['*'] }] }, call), [false])
    t.same(allows({ from: [{ notNamespaces: ['x'] }] }, call), [false])
    t.same(denies({ from: [{ namespaces: ['default'] }] }, call), [false])
    t.same(denies({ from: [{ notNamespaces: ['default'] }] }, call), [true])
    t.same(denies({ from: [{ namespaces: ['default'], notPrincipals: [batch] }] }, call), [false])
    t.same(allows({}, call), [true])
  }
})

t.test(
  'a rule that opens wants each value of a header to fit, one that shuts any of them',
  async t => {
    const rule = { when: [{ header: 'x-a', values: ['v', 'w'] }] }
    const calls: Call[] = [
      { headers: [['X-A', 'v']] },
      {
        headers: [
          ['x-a', 'v'],
          ['X-a', 'w'],
        ],
      },
      {
        headers: [
          ['x-a', 'v'],
          ['x-a', 'z'],
        ],
      },
      { headers: [['x-a', 'z, v']] },
      { headers: [['x-a', 'z']] },
      {},
    ]
    t.same(allows(rule, ...calls), [true, true, false, false, false, false])
    t.same(denies(rule, ...calls), [true, true, true, true, false, false])
    const not = { when: [{ header: 'x-a', notValues: ['v', 'w'] }] }
    t.same(allows(not, ...calls), [false, false, false, false, true, true])
    t.same(denies(not, ...calls), [false, false, true, true, true, true])
  },
)

t.test('lines of a header that make a value only together are one as well', async t => {
  const rule = { when: [{ header: 'x-a', values: ['v, w'] }] }
  t.same(
    denies(rule, {
      headers: [
        ['x-a', 'v'],
        ['x-a', 'w'],
      ],
    }),
    [true],
  )
})

t.test(
  'without a verified token nothing is opened by a claim, and nothing is excepted',
  async t => {
    const has = { when: [{ claim: ['role'], values: ['a'] }] }
    const lacks = { when: [{ claim: ['role'], notValues: ['a'] }] }
    const calls: Call[] = [
      {},
      { claims: {} },
      { claims: { role: 'a' } },
      { claims: { role: ['b', 'a'] } },
      { claims: { role: { a: true } } },
      { claims: { role: 'b' } },
    ]
    t.same(allows(has, ...calls), [false, false, true, true, false, false])
    t.same(denies(has, ...calls), [false, false, true, true, false, false])
    t.same(allows(lacks, ...calls), [false, false, false, false, false, true])
    t.same(denies(lacks, ...calls), [true, true, false, false, true, true])
  },
)

t.test('names of claims reach no prototype', async t => {
  const rule = { when: [{ claim: ['constructor', 'name'], values: ['*'] }] }
  t.same(allows(rule, { claims: {} }), [false])
})

t.test('parameters of a path are seen as both kinds of applications see them', async t => {
  const rule = { to: [{ paths: ['/admin', '/admin/*'] }] }
  const calls = ['/admin;x', '/admin;x/y', '/;x/admin/y', '/admin/;x', '/public;/admin'].map(
    path => ({ path }),
  )
  t.same(denies(rule, ...calls), [true, true, true, true, false])
  t.same(allows(rule, ...calls), [false, false, false, true, false])
  const not = { to: [{ notPaths: ['/admin', '/admin/*'] }] }
  t.same(allows(not, ...calls), [false, false, false, false, true])
})

t.test('a path with letters beyond ASCII is compared by its bytes', async t => {
  const path = Buffer.from('/müller').toString('latin1')
  t.same(denies({ to: [{ paths: ['/müller'] }] }, { path }, { path: '/muller' }), [true, false])
})

t.test('and so is the value of a header', async t => {
  const when = [{ header: 'x-user', values: ['zoë'] }]
  const name = Buffer.from('zoë', 'utf8').toString('latin1')
  t.same(denies({ when }, { headers: [['x-user', name]] }), [true])
})

t.test('of a TCP connection a rule that opens wants nothing that only HTTP has', async t => {
  const tcp = { isTcp: true, method: 'CONNECT', path: '', port: 5432 }
  t.same(allows({ from: [{ principals: [web] }] }, tcp), [true])
  t.same(allows({ to: [{ ports: [5432] }] }, tcp), [true])
  t.same(allows({ to: [{ ports: [5432], methods: ['GET'] }] }, tcp), [false])
  t.same(allows({ to: [{ notMethods: ['GET'] }] }, tcp), [false])
  t.same(allows({ to: [{ notPaths: ['/x'] }, { ports: [5432] }] }, tcp), [true])
  t.same(allows({ when: [{ header: 'x', notValues: ['a'] }] }, tcp), [false])
})

t.test('and one that shuts does so by all the rest', async t => {
  const tcp = { isTcp: true, method: 'CONNECT', path: '', port: 5432 }
  t.same(denies({ to: [{ methods: ['GET'] }] }, tcp), [true])
  t.same(denies({ to: [{ ports: [80], methods: ['GET'] }] }, tcp), [false])
  t.same(denies({ when: [{ claim: ['a'], values: ['b'] }] }, tcp), [true])
  t.same(denies({ from: [{ principals: [batch] }], to: [{ paths: ['/x'] }] }, tcp), [false])
})

t.test('a policy for some ports shuts no others', async t => {
  const { decisions } = decide([policyOf([], { ports: [8080] })], [{ port: 8080 }, { port: 80 }])
  t.same(
    decisions.map(({ isAllowed }) => isAllowed),
    [false, true],
  )
})

t.test('a dry run of an allow would deny what no other allow opens', async t => {
  const policies = [
    policyOf([{ to: [{ paths: ['/a'] }] }], { name: 'dry', dryRun: true }),
    policyOf([{ to: [{ paths: ['/b', '/c'] }] }], { name: 'real' }),
  ]
  const calls = [{ path: '/a' }, { path: '/b' }]
  const { decisions, counters } = decide(policies, calls)
  t.match(decisions[0], { isAllowed: false, note: { policy: 'no rule of real' } })
  t.match(decisions[1], { isAllowed: true, note: undefined })
  const alone = decide(policies.slice(0, 1), calls)
  t.match(alone.decisions[0], { isAllowed: true, note: undefined })
  t.match(alone.decisions[1], { isAllowed: true, note: { policy: 'dry', verdict: 'would_deny' } })
  t.match(
    [...counters.all()].find(({ name }) => name === 'real'),
    { allowed: 1 },
  )
})

t.test('an audit is named beside what else is to be said', async t => {
  const audit = policyOf([{}], { name: 'audit', action: 'audit' })
  const dry = policyOf([{}], { name: 'dry', action: 'deny', dryRun: true })
  t.match(decide([audit], [{}]).decisions[0], { note: { policy: 'audit', verdict: 'audited' } })
  const { decisions, counters } = decide([audit, dry], [{}])
  t.match(decisions[0], { isAllowed: true, note: { policy: 'dry', verdict: 'would_deny' } })
  t.equal([...counters.all()].find(({ name }) => name === 'audit')?.auditedCount, 1)
})

t.test('callers and ports without end are not remembered without end', async t => {
  const calls = Array.from({ length: 5000 }, (_, index) => ({
    peer: web.replace('web', `web${index}`),
    port: index % 1000,
  }))
  const { decisions } = decide(
    [policyOf([{ from: [{ serviceAccounts: ['default/web*'] }] }])],
    calls,
  )
  t.ok(decisions.every(({ isAllowed }) => isAllowed))
})
