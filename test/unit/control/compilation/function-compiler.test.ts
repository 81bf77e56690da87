import t from 'tap'
import {
  compileFunction,
  functionEndpoints,
} from '../../../../src/control/compilation/function-compiler.ts'
import { functionLabel, latestVersion } from '../../../../src/model/function/function.ts'
import { functionKind } from '../../../../src/model/kinds/function/function.ts'
import type { Registration } from '../../../../src/model/registration.ts'

function compiled(spec: object) {
  const head = { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'hello' } }
  const resource = functionKind.parse({ ...head, spec: { code: 'hello', ...spec } })
  return compileFunction(resource, { queue: undefined, region: 'eu-1' })
}

t.test('what a runtime is made of is left to the host', async t => {
  const { versions } = compiled({ runtime: 'python3.11', handler: 'a.b' })
  t.match(versions[latestVersion], { runtime: 'python3.11', command: [], handler: 'a.b' })
})

t.test('a version has from the function what it does not say', async t => {
  const { versions, aliases } = compiled({
    runtime: 'python3',
    handler: 'a.b',
    timeout: '5s',
    environment: { A: '1' },
    versions: [
      { name: '1', timeout: '2s' },
      { name: '2', command: ['./run'], environment: { B: '2' } },
    ],
    aliases: [{ name: 'live', backends: [{ version: '1', weight: 3 }, { version: '$LATEST' }] }],
  })
  t.match(versions['1'], { runtime: 'python3', handler: 'a.b', timeoutMs: 2000, version: '1' })
  t.match(versions['2'], { command: ['./run'], timeoutMs: 5000 })
  t.equal(versions['2']?.runtime, undefined)
  t.same(versions['2']?.environment, { B: '2' })
  t.same(aliases['live'], [
    { version: '1', weight: 3 },
    { version: latestVersion, weight: 1 },
  ])
})

t.test('events, triggers and placement are told in full', async t => {
  const hosted = compiled({
    command: ['./run'],
    asynchronous: { retries: 1, onFailure: { function: 'dead' }, onSuccess: { url: 'https://a/' } },
    triggers: [
      { name: 'tick', schedule: { cron: '* * * * *' } },
      { name: 'inbox', directory: { path: '/in', settle: '1s' } },
    ],
    placement: { policy: 'cost', backends: [{ name: 'here', kind: 'local' }] },
  })
  t.match(hosted.asynchronous, {
    retries: 1,
    backoffMs: 60_000,
    maxAgeMs: 6 * 3_600_000,
    onFailure: 'function:dead',
    onSuccess: 'https://a/',
  })
  t.same(hosted.schedules, [{ name: 'tick', cron: '* * * * *', missed: 'skip' }])
  t.same(hosted.directories, [{ name: 'inbox', directory: '/in', after: 'remove', settleMs: 1000 }])
  t.match(hosted.placement, {
    policy: { kind: 'cost', latencySloMs: 200, switchAfterMs: 30_000 },
    homeRegion: 'eu-1',
    requireEncryption: 'never',
    backends: [{ name: 'here', kind: 'local', weight: 1 }],
  })
})

t.test('a function is where sidecars were admitted as its hosts, and are ready', async t => {
  const host = (changes: Partial<Registration>): Registration => ({
    namespace: 'default',
    name: 'hello-1',
    serviceAccount: 'hello',
    labels: { [functionLabel]: 'hello' },
    address: '10.0.0.1',
    ports: [],
    meshPort: 15_008,
    identity: 'spiffe://weft.local/ns/default/sa/hello',
    ready: true,
    ...changes,
  })
  const registrations = [
    host({ address: '10.0.0.2' }),
    host({}),
    host({ address: '10.0.0.3', ready: false }),
    host({ address: '10.0.0.4', namespace: 'other' }),
    host({ address: '10.0.0.5', labels: { [functionLabel]: 'bye' } }),
    host({ address: '10.0.0.6', labels: {} }),
  ]
  const endpoints = functionEndpoints({ name: 'hello', namespace: 'default' }, registrations)
  t.same(
    endpoints.map(({ id, mesh }) => [id, mesh?.identity]),
    [
      ['10.0.0.1:15008', 'spiffe://weft.local/ns/default/sa/hello'],
      ['10.0.0.2:15008', 'spiffe://weft.local/ns/default/sa/hello'],
    ],
  )
})
