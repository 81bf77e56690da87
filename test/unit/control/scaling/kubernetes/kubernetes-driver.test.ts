import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { KubernetesDriver } from '../../../../../src/control/scaling/kubernetes/kubernetes-driver.ts'
import { kubernetesSettings } from '../../../../../src/control/scaling/kubernetes/kubernetes-settings.ts'
import { FakeKubernetes } from '../../../../support/functions/fake-kubernetes.ts'
import { scaledFunction } from '../scaled-function.ts'

const echo = scaledFunction()

async function setUp(t: Test, changes: object = {}) {
  const kubernetes = await FakeKubernetes.start(t)
  kubernetes.replicas.set('default/echo', 0)
  const tokenFile = join(t.testdir({ token: 'a-token\n' }), 'token')
  const driver = new KubernetesDriver({
    settings: kubernetesSettings.parse({ server: kubernetes.url, tokenFile, ...changes }),
    environment: {},
  })
  t.teardown(() => driver.close())
  const ensure = (hosts: number, signal = AbortSignal.timeout(10_000)) =>
    driver.ensure(echo, hosts, signal)
  const current = () => driver.current(echo, AbortSignal.timeout(10_000))
  return { kubernetes, driver, tokenFile, ensure, current }
}

t.test('the scale of its Deployment is patched, and nothing else', async t => {
  const { kubernetes, ensure, current } = await setUp(t)
  await ensure(3)
  t.strictSame(kubernetes.requests, [
    {
      method: 'PATCH',
      path: '/apis/apps/v1/namespaces/default/deployments/echo/scale',
      contentType: 'application/merge-patch+json',
      body: '{"spec":{"replicas":3}}',
    },
  ])
  t.equal(await current(), 3)
  await ensure(0)
  t.equal(await current(), 0)
})

t.test('a Deployment may be called otherwise', async t => {
  const { kubernetes, ensure } = await setUp(t, { deployment: 'fn-{name}' })
  kubernetes.replicas.set('default/fn-echo', 0)
  await ensure(1)
  t.equal(kubernetes.replicas.get('default/fn-echo'), 1)
})

t.test('a token that was replaced is read again', async t => {
  const { kubernetes, tokenFile, ensure } = await setUp(t)
  await ensure(1)
  kubernetes.token = 'the-next'
  writeFileSync(tokenFile, 'the-next')
  await ensure(2)
  t.equal(kubernetes.requests.length, 2, 'for each request')
  kubernetes.token = 'another'
  await t.rejects(ensure(3), /does not know the control plane's token: the server's 401/)
  t.equal(kubernetes.requests.length, 4, 'asked once more, and no further')
})

const sentences: Readonly<Record<number, RegExp>> = {
  403: /may not patch Deployment echo in namespace default: .* the verb patch on deployments\/scale \(API group "apps"\) in namespace default: the server's 403; scaling needs get and patch/,
  404: /there is no Deployment echo in namespace default: .*; create it with 0 replicas/,
  410: /Deployment echo .*; create it with 0 replicas/,
  500: /answered 500 for Deployment echo/,
}

t.test('what the server refuses is said in a sentence, with its own words', async t => {
  for (const [status, sentence] of Object.entries(sentences)) {
    const { kubernetes, ensure } = await setUp(t)
    kubernetes.faults.push({ status: Number(status) })
    await t.rejects(ensure(1), sentence)
    t.equal(kubernetes.requests.length, 1, status)
  }
})

t.test('what passes by itself is tried again, after the time that is asked for', async t => {
  const { kubernetes, ensure } = await setUp(t)
  kubernetes.faults.push({ status: 409 }, { status: 429, retryAfter: '0' })
  await ensure(1)
  t.equal(kubernetes.requests.length, 3)
  kubernetes.faults.push({ status: 409 }, { status: 409 }, { status: 409 })
  await t.rejects(ensure(2), /changed by somebody else/)
})

t.test('a wait that is asked for ends with the signal', async t => {
  const { kubernetes, ensure } = await setUp(t)
  kubernetes.faults.push({ status: 429, retryAfter: '3600' })
  await t.rejects(ensure(1, AbortSignal.timeout(20)), { name: 'AbortError' })
})

t.test('without a word of when, too much to do is a failure', async t => {
  const { kubernetes, ensure } = await setUp(t)
  kubernetes.faults.push({ status: 429 })
  await t.rejects(ensure(1), /too much to do/)
})

t.test('a server that hangs, dies or never ends fails the call', async t => {
  const { kubernetes, ensure, current } = await setUp(t)
  kubernetes.faults.push('hang')
  await t.rejects(ensure(1, AbortSignal.timeout(30)), /did not answer in time/)
  kubernetes.faults.push('die')
  await t.rejects(ensure(1), /cannot be asked/)
  kubernetes.faults.push('endless')
  await t.rejects(current(), /more than 1048576 bytes/)
  kubernetes.faults.push('garbage')
  t.equal(await current(), 0, 'no number is none')
})

t.test('without a token the file is named', async t => {
  const { ensure } = await setUp(t, { tokenFile: '/nowhere/token' })
  await t.rejects(ensure(1), /cannot read the service account token.*\/nowhere\/token/)
})

t.test('in a cluster the kubelet says where the server is', async t => {
  const settings = kubernetesSettings.parse({})
  t.throws(() => new KubernetesDriver({ settings, environment: {} }), /kubernetes\.server/)
  const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }
  const driver = new KubernetesDriver({ settings, environment })
  await t.rejects(driver.ensure(echo, 1, AbortSignal.timeout(100)))
  await driver.close()
})

/** A certificate that vouches for itself. */
function selfSigned(folder: string, name: string): { readonly key: string; readonly cert: string } {
  const [key, cert] = [join(folder, `${name}-key.pem`), join(folder, `${name}.pem`)]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  const subject = ['-subj', '/CN=api', '-addext', 'subjectAltName=IP:127.0.0.1']
  const args = ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]
  execFileSync('openssl', args, { stdio: 'ignore' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

const withoutOpenssl =
  spawnSync('openssl', ['version']).error === undefined ? false : 'needs openssl'

t.test(
  'a server that another authority vouches for is not told the token',
  { skip: withoutOpenssl },
  async t => {
    const folder = t.testdir({ token: 'a-token' })
    const [own, other] = [selfSigned(folder, 'own'), selfSigned(folder, 'other')]
    let tokens = 0
    const server = createTlsServer(own, (request, response) => {
      if (request.headers.authorization !== undefined) tokens++
      response.end('{"spec":{"replicas":4}}')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const caFile = join(folder, 'ca.pem')
    writeFileSync(caFile, other.cert)
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const settings = { server: url, caFile, tokenFile: join(folder, 'token') }
    const driver = new KubernetesDriver({
      settings: kubernetesSettings.parse(settings),
      environment: {},
    })
    t.teardown(() => driver.close())
    const current = () => driver.current(echo, AbortSignal.timeout(5000))
    await t.rejects(current(), /cannot be asked/)
    t.equal(tokens, 0)
    writeFileSync(caFile, own.cert)
    t.equal(await current(), 4, 'the authority is read again as well')
  },
)
