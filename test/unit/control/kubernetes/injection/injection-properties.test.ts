import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { stringify } from 'yaml'
import {
  injectPod,
  uninjectPod,
} from '../../../../../src/control/kubernetes/injection/inject-pod.ts'
import { injectionSettings } from '../../../../../src/control/kubernetes/injection/injection-settings.ts'
import type { InjectionContext } from '../../../../../src/control/kubernetes/injection/injection.ts'
import {
  injectManifest,
  uninjectManifest,
} from '../../../../../src/control/kubernetes/injection/manifest/inject-manifest.ts'
import { readValue } from '../../../../../src/control/kubernetes/injection/manifest/manifest-text.ts'

const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] })

const port = fc.oneof(fc.integer({ min: 1, max: 9999 }), fc.constantFrom('http', '81', 'nowhere'))
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('on', 'no', '0644', '1_0', '~', '$(X)', '# x', ': '),
)
const handler = fc.oneof(
  record({
    httpGet: fc.record(
      { port, path: text, scheme: fc.constantFrom('HTTP', 'HTTPS') },
      { requiredKeys: ['port'] },
    ),
  }),
  record({ tcpSocket: fc.record({ port }) }),
  record({
    grpc: fc.record(
      { port: fc.integer({ min: 1, max: 9999 }), service: text },
      { requiredKeys: ['port'] },
    ),
  }),
  record({ exec: fc.record({ command: fc.array(text) }) }),
)
const probe = fc
  .tuple(
    handler,
    record({ timeoutSeconds: fc.integer({ min: 0, max: 60 }), periodSeconds: fc.nat() }),
  )
  .map(([one, other]) => ({ ...other, ...one }))

const containerOf = (name: string) =>
  record({
    image: text,
    ports: fc
      .array(record({ name: fc.constant('http'), protocol: fc.constantFrom('TCP', 'UDP') }), {
        maxLength: 1,
      })
      .map(list => list.map(item => ({ ...item, containerPort: 8080 }))),
    livenessProbe: probe,
    readinessProbe: probe,
    startupProbe: probe,
    lifecycle: record({ preStop: handler, postStart: handler }),
    env: fc.array(fc.record({ name: text, value: text }), { maxLength: 3 }),
    restartPolicy: fc.constant('Always'),
    unknownField: fc.json().map(json => JSON.parse(json) as unknown),
  }).map(fields => ({ name, ...fields }))

const spec = fc
  .tuple(
    fc.tuple(containerOf('web'), containerOf('log')),
    record({
      initContainers: fc.tuple(containerOf('first')),
      volumes: fc.constantFrom([], [{ name: 'data', emptyDir: {} }]),
      securityContext: fc.constantFrom(
        {},
        { fsGroup: 5 },
        { sysctls: [] },
        { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] },
      ),
      dnsPolicy: fc.constantFrom('ClusterFirst', 'Default', 'None'),
      dnsConfig: record({
        nameservers: fc.constant(['192.0.2.1']),
        searches: fc.constant(['a.example']),
        options: fc.constant([{ name: 'ndots', value: '1' }]),
      }),
      terminationGracePeriodSeconds: fc.nat(100),
      unknownField: fc.json().map(json => JSON.parse(json) as unknown),
    }),
  )
  .map(([containers, more]) => ({ ...more, containers }))

const pod = record({
  metadata: record({
    labels: fc.dictionary(text, text, { maxKeys: 2 }),
    annotations: fc.dictionary(
      fc.constantFrom(
        'a',
        'prometheus.io/scrape',
        'prometheus.io/port',
        'prometheus.io/path',
        'kubectl.kubernetes.io/default-container',
      ),
      fc.constantFrom('true', 'false', '8080', 'x y', '/m'),
    ),
  }),
})
  .chain(more => spec.map(one => ({ ...more, spec: one })))
  // Plain data, as it comes from outside.
  .map(made => JSON.parse(JSON.stringify(made)) as typeof made)

const context = fc
  .record({
    mode: fc.constantFrom('dns' as const, 'transparent' as const),
    image: fc.constantFrom('weft:1', 'weft:2'),
  })
  .map((settings): InjectionContext => ({
    namespace: 'shop',
    settings: injectionSettings.parse(settings),
    version: '1.0.0',
    present: 'replace',
  }))

/** All that is in `part` is in `whole`, wherever nothing of ours has taken its place. */
function isKept(part: unknown, whole: unknown): boolean {
  if (Array.isArray(part) && Array.isArray(whole))
    return part.every(item => whole.some(other => isKept(item, other)))
  if (!isObject(part) || !isObject(whole)) return JSON.stringify(part) === JSON.stringify(whole)
  return Object.entries(part).every(
    ([key, value]) => replaced.has(key) || isKept(value, whole[key]),
  )
}

const replaced = new Set(
  'httpGet tcpSocket grpc dnsPolicy dnsConfig prometheus.io/scrape prometheus.io/port prometheus.io/path'.split(
    ' ',
  ),
)

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

t.test('injection loses nothing, is the same the second time, and can be undone', async t => {
  let injected = 0
  fc.assert(
    fc.property(pod, context, context, (pod, context, other) => {
      const before = JSON.stringify(pod)
      const once = injectPod(pod, context)
      if (!('injected' in once)) return
      injected++
      assert.ok(isKept(pod, once.injected), 'all fields are still there')
      const second = injectPod(once.injected, context)
      assert.ok('injected' in second && second.injected === once.injected)
      const back = uninjectPod(once.injected)
      assert.deepEqual(back, { uninjected: pod })
      const anew = injectPod(once.injected, other)
      assert.deepEqual(anew, injectPod(pod, other), 'other settings are as from the start')
      assert.equal(JSON.stringify(pod), before)
    }),
    { numRuns: 50 },
  )
  t.ok(injected > 25, `${injected} of 50`)
})

t.test('so it is in YAML, whatever its style', async t => {
  const style = fc.record({
    indent: fc.constantFrom(2, 4),
    indentSeq: fc.boolean(),
    flow: fc.boolean(),
  })
  let injected = 0
  fc.assert(
    fc.property(pod, context, style, (pod, context, { flow, ...style }) => {
      const object = { apiVersion: 'v1', kind: 'Pod', ...pod }
      const text = stringify(object, {
        ...style,
        ...(flow && { collectionStyle: 'flow' }),
        aliasDuplicateObjects: false,
        compat: 'yaml-1.1',
      })
      const once = injectManifest('a.yaml', text, context)
      if (once.problems.length > 0) return
      injected++
      const expected = injectPod(object, context)
      assert.deepEqual(readValue(once.text), 'injected' in expected && expected.injected)
      assert.equal(injectManifest('a.yaml', once.text, context).text, once.text)
      assert.deepEqual(readValue(uninjectManifest('a.yaml', once.text).text), object)
    }),
    { numRuns: 10 },
  )
  t.ok(injected > 4, `${injected} of 10`)
})
