import t from 'tap'
import {
  clusterChecks,
  permissionChecks,
} from '../../../../../src/cli/kubernetes/check/cluster-checks.ts'
import { contextOf, findingOf, now, type Answers } from './fake-cluster.ts'

const find = (title: string, answers: Answers) =>
  findingOf([...clusterChecks, ...permissionChecks], title, contextOf(answers))

t.test('clusters before 1.29 have no native sidecars', async t => {
  const server = (minor: string) => ({
    '/version': { major: '1', minor, gitVersion: `v1.${minor}.0` },
  })
  t.match(await find('API server', server('29+')), { verdict: 'ok', message: 'v1.29+.0' })
  t.match(await find('API server', server('28')), {
    verdict: 'failure',
    message: 'v1.28.0 is older than 1.29',
    hint: /native-sidecar/,
  })
  t.match(await find('API server', {}), { verdict: 'failure', message: 'it answers 404' })
})

t.test('clocks may differ by seconds, not by minutes', async t => {
  const at = (ms: number) => find('clocks', { serverTime: now + ms })
  t.match(await at(-5000), { verdict: 'ok' })
  t.match(await at(60_000), { verdict: 'warning', message: /^59 s between/ })
  t.match(await at(-3_600_000), { verdict: 'failure', message: /^3599 s between/ })
  t.match(await find('clocks', { serverTime: undefined }), { verdict: 'ok' })
})

t.test('what a cluster lacks is told: webhooks are needed, routes are not', async t => {
  const resources = (...names: string[]) => ({ resources: names.map(name => ({ name })) })
  const group = '/apis/gateway.networking.k8s.io/v1'
  t.match(await find('admission webhooks', {}), { verdict: 'failure' })
  t.match(
    await find('admission webhooks', {
      '/apis/admissionregistration.k8s.io/v1': resources('mutatingwebhookconfigurations'),
    }),
    { verdict: 'ok' },
  )
  t.match(await find('Gateway API', { [group]: resources('httproutes') }), {
    verdict: 'warning',
    message: 'grpcroutes cannot be used',
  })
  t.match(await find('Gateway API', { [group]: resources('grpcroutes', 'httproutes') }), {
    verdict: 'ok',
  })
})

t.test("the cluster's DNS is found, or is to be told", async t => {
  const path = '/api/v1/namespaces/kube-system/services?labelSelector=k8s-app=kube-dns'
  const service = { metadata: { name: 'kube-dns' }, spec: { clusterIP: '10.43.0.10' } }
  t.match(await find('DNS of the cluster', { [path]: [service] }), {
    message: 'kube-dns at 10.43.0.10',
  })
  t.match(await find('DNS of the cluster', {}), { verdict: 'warning', hint: /--cluster-dns/ })
})

t.test('rights that are missing are named before anything is applied', async t => {
  t.match(await find('to create what is needed', {}), { verdict: 'ok' })
  const denied = ['create networkpolicies', 'create clusterroles']
  t.match(await find('to create what is needed', { denied }), {
    verdict: 'failure',
    message: 'not allowed to create clusterroles, networkpolicies',
  })
  t.match(await find('to give rights', { denied: ['escalate clusterroles'] }), {
    verdict: 'warning',
  })
})
