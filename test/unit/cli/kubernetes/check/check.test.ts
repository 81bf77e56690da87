import t, { type Test } from 'tap'
import { wallNow } from '../../../../../src/base/clock.ts'
import { check, type CheckFlags } from '../../../../../src/cli/kubernetes/check/check.ts'
import { runChecks } from '../../../../../src/cli/kubernetes/check/run-checks.ts'
import { fakeKubectl } from '../../../../support/install/fake-kubectl.ts'
import { contextOf, unreachable } from './fake-cluster.ts'

async function run(t: Test, answers: object, flags: CheckFlags = {}, screen: object = {}) {
  let text = ''
  let clock = 0
  const code = await check(
    { kubectl: fakeKubectl(t, answers as Readonly<Record<string, unknown>>), ...flags },
    {
      isTerminal: false,
      write: written => void (text += written),
      now: () => clock++,
      ...screen,
    },
  )
  return { code, text }
}

const version = (minor: string) => ({
  'GET /version': { major: '1', minor, gitVersion: `v1.${minor}.0` },
})

t.test('after a vital check has failed nothing else is looked at', async t => {
  const { code, text } = await run(t, version('20'))
  t.equal(code, 1)
  t.equal(
    text,
    [
      'cluster',
      '  × API server: v1.20.0 is older than 1.29 (1 ms)',
      '      → upgrade the cluster, or annotate pods with weft.dev/native-sidecar: "false"',
      '',
      '0 well, 0 warnings, 1 failed, 15 not looked at',
      '',
    ].join('\n'),
  )
})

t.test('warnings alone are no failure', async t => {
  const answers = {
    ...version('34'),
    'GET /apis/admissionregistration.k8s.io/v1': {
      resources: [{ name: 'mutatingwebhookconfigurations' }],
    },
    'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews': { status: { allowed: true } },
  }
  const { code, text } = await run(t, answers, { pre: true }, { now: wallNow })
  t.equal(code, 0)
  t.match(text, /\n {2}! Gateway API/)
  t.match(text, /\n\n5 well, 2 warnings, 0 failed\n$/)
  t.match(text, /\npermissions\n {2}✓ to create what is needed: all of it/)
})

t.test('on a terminal it shows what it is at', async t => {
  const { text } = await run(t, version('20'), {}, { isTerminal: true })
  t.match(text, '  … API server\r\u001B[K  × API server')
})

t.test('for programs it is JSON', async t => {
  const { text } = await run(t, version('20'), { json: true })
  t.match(JSON.parse(text), {
    left: 15,
    checks: [{ category: 'cluster', title: 'API server', verdict: 'failure', ms: 1 }],
  })
})

t.test('a check that meets an error has failed, and the next one is run', async t => {
  const silent = { begin: () => {}, end: () => {} }
  const checks = [
    {
      category: 'a',
      title: 'b',
      run: async () => {
        throw unreachable
      },
    },
    { category: 'a', title: 'c', run: async () => ({ verdict: 'ok', message: 'fine' }) as const },
  ]
  t.match(await runChecks(checks, contextOf({}), silent), [
    { verdict: 'failure', message: /could not be looked at: .*ECONNREFUSED/ },
    { verdict: 'ok' },
  ])
})
