import t from 'tap'
import type { KubernetesObject } from '../../../../../src/control/kubernetes/api/kubernetes-object.ts'
import type { WatchedObject } from '../../../../../src/control/kubernetes/source/watched-object.ts'
import { watchedKinds } from '../../../../../src/control/kubernetes/source/watched-kinds.ts'

function specOf(read: WatchedObject | undefined): unknown {
  return read?.resource !== undefined && 'spec' in read.resource ? read.resource.spec : undefined
}

function readPolicy(spec: object) {
  const metadata = { name: 'tested', namespace: 'shop', resourceVersion: '1' }
  const read = watchedKinds.authorizationPolicies.read({ metadata, spec } as KubernetesObject)
  return { spec: specOf(read), problems: read?.problems.map(({ path }) => path) }
}

const selector = { matchLabels: { app: 'orders' } }

t.test('a policy that is understood holds as it is', async t => {
  const { spec, problems } = readPolicy({ selector, rules: [{ from: [{ namespaces: ['a'] }] }] })
  t.match(spec, { action: 'allow', selector, rules: [{ from: [{ namespaces: ['a'] }] }] })
  t.same(problems, [])
})

t.test('one that opens and is not understood opens nothing', async t => {
  const rules = [{ from: [{ namespaces: ['a'], ipBlocks: ['10.0.0.0/8'] }] }]
  const { spec, problems } = readPolicy({ selector, rules })
  t.same(spec, { action: 'allow', dryRun: false, selector, rules: [] })
  t.same(problems, ['spec.rules[0].from[0].ipBlocks', 'spec'])
})

t.test('one that shuts and is not understood shuts everything', async t => {
  const rules = [{ from: [{ namespaces: ['a'], notIpBlocks: ['10.0.0.0/8'] }] }]
  const { spec } = readPolicy({ action: 'deny', selector, rules })
  t.same(spec, { action: 'deny', dryRun: false, selector, rules: [{}] })
})

t.test('where its target is not understood it is for the whole namespace', async t => {
  for (const target of [
    { targetRefs: [{ name: 'a' }] },
    { targetRef: { kind: 'Gateway', name: 'a' } },
  ])
    t.same(readPolicy({ ...target, rules: [{}] }).spec, {
      action: 'allow',
      dryRun: false,
      rules: [],
    })
})

t.test('one that refuses nothing is left out', async t => {
  for (const harmless of [{ action: 'audit' }, { dryRun: true }]) {
    const { spec, problems } = readPolicy({ ...harmless, rules: [{ because: 'x' }] })
    t.equal(spec, undefined)
    t.same(problems, ['spec.rules[0].because'])
  }
})

t.test('rules for tokens that are not understood believe none', async t => {
  const metadata = { name: 'tested', namespace: 'shop', resourceVersion: '1' }
  const jwtRules = [{ issuer: 'a', jwksUri: 'https://a/keys', requiredClaims: ['b'] }]
  const read = watchedKinds.requestAuthentications.read({
    metadata,
    spec: { selector, jwtRules },
  } as KubernetesObject)
  t.match(specOf(read), { selector, jwtRules: [{ issuer: '', jwks: { keys: [] } }] })
  t.match(read?.problems.at(-1)?.message, 'no token is believed')
})

t.test(
  'headers that told claims are not left to callers by rules that are not understood',
  async t => {
    const metadata = { name: 'tested', namespace: 'shop', resourceVersion: '1' }
    const outputClaimToHeaders = [{ header: 'X-User', claim: 'sub' }, { header: 'a b' }, 3]
    const jwtRules = [
      { issuer: 'a', jwksUri: 'http://typo.example.com', outputClaimToHeaders },
      null,
    ]
    const read = watchedKinds.requestAuthentications.read({
      metadata,
      spec: { jwtRules },
    } as KubernetesObject)
    t.match(specOf(read), {
      jwtRules: [{ jwks: { keys: [] }, outputClaimToHeaders: [{ header: 'x-user' }] }],
    })
  },
)
