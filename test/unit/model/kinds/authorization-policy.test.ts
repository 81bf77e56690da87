import t from 'tap'
import { authorizationPolicyKind } from '../../../../src/model/kinds/authorization-policy.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const policy = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'orders' },
  spec: { rules: [{}] },
}

const rule = 'spec.rules.0'

t.test('without a word nobody may do anything', async t => {
  const { spec } = authorizationPolicyKind.parse({ ...policy, spec: {} })
  t.same(spec, { action: 'allow', dryRun: false, rules: [] })
})

t.test('every field has its bounds', async t => {
  checkFaults(t, authorizationPolicyKind, policy, [
    ['spec.action', 'ALLOW', /"allow"\|"deny"\|"audit"/],
    ['spec.dryRun', 'yes', /boolean/],
    ['spec.selector.matchLabels', {}, /needs a label/],
    [
      'spec.targetRef',
      { kind: 'Gateway', name: 'a' },
      /"Service"\|"Function"/,
      'spec.targetRef.kind',
    ],
    ['spec.targetRef', { kind: 'Function', name: 'a', port: 1 }, /no ports/, 'spec.targetRef.port'],
    [rule, { From: [] }, /Unrecognized key/],
    [`${rule}.from`, [], /leave it out/],
    [`${rule}.from.0`, {}, /names nobody/],
    [`${rule}.from.0.principals`, [], /leave it out/],
    [
      `${rule}.from.0.principals`,
      ['a*b'],
      /at the start, at the end, or alone/,
      `${rule}.from.0.principals.0`,
    ],
    [`${rule}.from.0.namespaces.0`, '**', /at the start/],
    [`${rule}.from.0.serviceAccounts.0`, 'a/b/c', /<namespace>\/<service account>/],
    [`${rule}.from.0.serviceAccounts.0`, 'a/', /<namespace>\/<service account>/],
    [`${rule}.to.0`, {}, /names nothing/],
    [`${rule}.to.0.methods.0`, 'get', /upper case/],
    [`${rule}.to.0.methods.0`, 'CONNECT', /TCP connection/],
    [`${rule}.to.0.paths.0`, 'admin', /must start with/],
    [`${rule}.to.0.paths.0`, '/a/../b', /as the application sees it/],
    [`${rule}.to.0.paths.0`, '/a%20b', /as the application sees it/],
    [`${rule}.to.0.paths.0`, '/a//b', /as the application sees it/],
    [`${rule}.to.0.paths.0`, '/a?b', /as the application sees it/],
    [`${rule}.to.0.ports.0`, 0, />=1/],
    [`${rule}.when.0`, { values: ['a'] }, /either a header or a claim/],
    [`${rule}.when.0`, { header: 'a', claim: 'b', values: ['a'] }, /either a header or a claim/],
    [`${rule}.when.0`, { header: 'a' }, /values or notValues/],
    [
      `${rule}.when.0`,
      { header: 'Host', values: ['a'] },
      /no policy can see/,
      `${rule}.when.0.header`,
    ],
    [`${rule}.when.0`, { header: 'a b', values: ['a'] }, /no header name/, `${rule}.when.0.header`],
    [`${rule}.when.0`, { claim: [], values: ['a'] }, />=1/, `${rule}.when.0.claim`],
  ])
  checkTaken(t, authorizationPolicyKind, policy, [
    ['spec.targetRef', { name: 'orders', port: 80 }],
    ['spec.selector', { matchLabels: { app: 'orders' } }],
    [`${rule}.from`, [{ principals: ['*', '*/sa/a', 'a*'], notNamespaces: ['b'] }]],
    [`${rule}.from.0.serviceAccounts`, ['web', 'shop/*', '*/web', 'a*/b*']],
    [`${rule}.to`, [{ methods: ['GET'], paths: ['/', '*', '/a b', '*.html', '/a/*'], ports: [1] }]],
    [
      `${rule}.when`,
      [
        { header: 'X_A', values: ['*'] },
        { claim: ['a', 'b'], notValues: ['c'] },
      ],
    ],
  ])
})

t.test('a target and a selector contradict each other', async t => {
  const spec = { targetRef: { name: 'a' }, selector: { matchLabels: { a: 'b' } } }
  t.match(authorizationPolicyKind.safeParse({ ...policy, spec }).error?.message, 'not both')
})

t.test('what refuses nothing was meant to refuse something', async t => {
  for (const action of ['deny', 'audit']) {
    const { error } = authorizationPolicyKind.safeParse({ ...policy, spec: { action } })
    t.match(error?.message, 'fits nothing')
  }
})
