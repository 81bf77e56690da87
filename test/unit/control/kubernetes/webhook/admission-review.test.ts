import t from 'tap'
import {
  admitPod,
  type Admitted,
} from '../../../../../src/control/kubernetes/webhook/admission-review.ts'
import type { PatchOperation } from '../../../../../src/control/kubernetes/webhook/json-patch.ts'
import { injectPod } from '../../../../../src/control/kubernetes/injection/inject-pod.ts'
import { applyPatch } from './apply-patch.ts'
import { context, podObject, reviewOf } from './reviews.ts'

function admit(review: unknown): Admitted {
  const admitted = admitPod(review, context)
  if ('problem' in admitted) throw new Error(admitted.problem)
  return admitted
}

function patchOf({ answer }: Admitted): PatchOperation[] {
  const { patch = '' } = answer.response
  return JSON.parse(Buffer.from(patch, 'base64').toString()) as PatchOperation[]
}

t.test('a pod comes out as the injector makes it', async t => {
  const pod = podObject()
  const admitted = admit(reviewOf(pod))
  t.strictSame(admitted.outcome, { type: 'injected' })
  t.match(admitted.answer, {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      allowed: true,
      patchType: 'JSONPatch',
    },
  })
  const expected = injectPod(pod, { ...context, namespace: 'shop' })
  t.strictSame(applyPatch(patchOf(admitted), pod), 'injected' in expected && expected.injected)
})

t.test('asked again about its own work, it leaves it', async t => {
  const pod = podObject()
  const injected = applyPatch(patchOf(admit(reviewOf(pod))), pod)
  const again = admit(reviewOf(injected))
  t.strictSame(again.outcome, { type: 'skipped', reason: 'already-injected' })
  t.strictSame(again.answer.response, {
    uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    allowed: true,
  })
})

t.test('a dry run is answered like any other', async t => {
  t.strictSame(admit(reviewOf(podObject(), { dryRun: true })), admit(reviewOf(podObject())))
})

t.test('where there is nothing to do, the pod is let through', async t => {
  const others = [
    reviewOf(podObject(), { operation: 'UPDATE' }),
    reviewOf(null, { operation: 'DELETE' }),
    reviewOf(podObject(), { subResource: 'ephemeralcontainers' }),
  ]
  for (const review of others) {
    const { outcome, answer } = admit(review)
    t.strictSame(outcome, { type: 'ignored' })
    t.strictSame(Object.keys(answer.response), ['uid', 'allowed'])
    t.equal(answer.response.allowed, true)
  }
})

t.test('who asked for a sidecar on the pod and gets none is told why, once allowed', async t => {
  const hostNetwork = { hostNetwork: true }
  for (const metadata of [
    { labels: { 'weft.dev/inject': 'true' } },
    { annotations: { 'weft.dev/inject': 'enabled' } },
  ]) {
    const { outcome, answer } = admit(reviewOf(podObject(metadata, hostNetwork)))
    t.strictSame(outcome, { type: 'skipped', reason: 'host-network' })
    t.match(answer.response, {
      allowed: true,
      warnings: [/^Weft does not inject pod shop\/orders-5d4f-…: it is in the network/],
    })
  }
  const silent = [
    podObject({}, hostNetwork),
    podObject({ labels: { 'weft.dev/inject': 'false' } }),
    podObject({ labels: null, annotations: null }, hostNetwork),
  ]
  for (const pod of silent) t.equal(admit(reviewOf(pod)).answer.response.warnings, undefined)
})

t.test('a pod that contradicts itself is refused with all that is wrong', async t => {
  const annotations = { 'weft.dev/mode': 'magic', 'weft.dev/skip-inbound-prots': '25' }
  const { outcome, answer } = admit(reviewOf(podObject({ annotations })))
  t.strictSame(outcome, { type: 'refused' })
  t.match(answer.response, {
    allowed: false,
    status: {
      code: 422,
      reason: 'Invalid',
      message: /^Weft cannot inject pod shop\/orders-5d4f-…: /,
    },
  })
  t.match(answer.response.status?.message, /mode/)
  t.match(answer.response.status?.message, /skip-inbound-ports/)
  t.equal(answer.response.patch, undefined)
})

t.test('what is no pod is refused to whoever asked, with what to mend', async t => {
  const kind = { group: 'apps', version: 'v1', kind: 'Deployment' }
  const bad: [object, RegExp][] = [
    [reviewOf({ spec: {} }, { kind }), /pods alone, this is apps\/v1\/Deployment/],
    [reviewOf(podObject(), { kind: { version: 'v1', kind: 'Service' } }), /this is v1\/Service/],
    [reviewOf(null), /has no pod/],
    [reviewOf(undefined), /has no pod/],
    [reviewOf('pod'), /has no pod/],
  ]
  for (const [review, message] of bad) {
    const { outcome, answer } = admit(review)
    t.strictSame(outcome, { type: 'invalid' })
    t.match(answer.response, { allowed: false, status: { code: 400, message } })
  }
  const { outcome, answer } = admit(reviewOf({ metadata: {}, spec: { containers: 'none' } }))
  t.strictSame(outcome, { type: 'refused' })
  t.match(answer.response.status?.message, /spec\.containers/)
})

t.test('what is no review is a problem in words', async t => {
  const whole = reviewOf(podObject()) as { request: object }
  const bad = [
    undefined,
    null,
    [],
    'text',
    podObject(),
    { ...whole, apiVersion: 'admission.k8s.io/v1beta1' },
    { ...whole, request: undefined },
    { ...whole, request: { ...whole.request, uid: '' } },
    { ...whole, request: { ...whole.request, kind: 'Pod' } },
  ]
  for (const review of bad)
    t.match(admitPod(review, context), { problem: /^expected an AdmissionReview of admission/ })
})

t.test('names are told whole where they are known, and long words are cut', async t => {
  const metadata = { name: 'orders-0', labels: { 'weft.dev/inject': 'true' } }
  const named = admit(reviewOf(podObject(metadata, { hostNetwork: true })))
  t.match(named.answer.response.warnings, [/pod shop\/orders-0:/])
  const long = { generateName: 'x'.repeat(5000), labels: { 'weft.dev/inject': 'true' } }
  const { answer } = admit(reviewOf(podObject(long, { hostNetwork: true })))
  t.equal(answer.response.warnings?.[0]?.length, 256)
})

t.test('members that every object has are members like others', async t => {
  const pod = JSON.parse(
    JSON.stringify(podObject()).replace(
      '"labels":{',
      '"labels":{"__proto__":"a","constructor":"b",',
    ),
  ) as { metadata: { labels: object } }
  const made = applyPatch(patchOf(admit(reviewOf(pod))), pod) as typeof pod
  t.strictSame(
    Object.entries(made.metadata.labels).slice(0, 2),
    Object.entries(pod.metadata.labels).slice(0, 2),
  )
})
