import { z } from 'zod'
import type { InjectionContext, SkipReason } from '../injection/injection.ts'
import { injectPod } from '../injection/inject-pod.ts'
import { injectLabel } from '../cluster-names.ts'
import { diff } from './json-patch.ts'

/** admission.k8s.io/v1 AdmissionReview, as far as it is read. */
const admissionReview = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string().min(1).max(253),
    kind: z.object({ group: z.string().default(''), version: z.string(), kind: z.string() }),
    operation: z.string(),
    namespace: z.string().default('default'),
    name: z.string().default(''),
    subResource: z.string().default(''),
    object: z.unknown(),
  }),
})

type Request = z.infer<typeof admissionReview>['request']

/** What the API server is told about one pod. */
interface AdmissionResponse {
  readonly uid: string
  readonly allowed: boolean
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string }
  readonly patchType?: 'JSONPatch'
  /** JSON, base64. */
  readonly patch?: string
  /** Shown to whoever creates the pod. */
  readonly warnings?: readonly string[]
}

/** `ignored`: what nothing is put into, such as a pod that is changed or deleted. */
type AdmissionOutcome =
  | { readonly type: 'injected' | 'refused' | 'invalid' | 'ignored' }
  | { readonly type: 'skipped'; readonly reason: SkipReason }

export interface Admitted {
  readonly outcome: AdmissionOutcome
  readonly answer: {
    readonly apiVersion: 'admission.k8s.io/v1'
    readonly kind: 'AdmissionReview'
    readonly response: AdmissionResponse
  }
}

/** Kubernetes API reference, "AdmissionResponse": longer ones may be cut, and all together above 4096 characters. */
const maxWarningLength = 256
const maxWarnings = 8
const maxMessageLength = 4096

/**
 * Answers one review, without any side effect, so that a dry run is like any other.
 * @param review the request's body, parsed.
 * @returns a problem for people when it is no AdmissionReview.
 */
export function admitPod(
  review: unknown,
  context: Omit<InjectionContext, 'namespace'>,
): Admitted | { readonly problem: string } {
  const parsed = admissionReview.safeParse(review)
  if (!parsed.success) {
    const lines = parsed.error.issues.slice(0, 5).map(({ path, message }) => {
      return `${path.join('.') || 'the body'}: ${message}`
    })
    return { problem: `expected an AdmissionReview of admission.k8s.io/v1: ${lines.join('; ')}` }
  }
  const { request } = parsed.data
  const [outcome, response] = judge(request, context)
  return {
    outcome,
    answer: {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: request.uid, ...response },
    },
  }
}

type Judgement = [AdmissionOutcome, Omit<AdmissionResponse, 'uid'>]

function judge(request: Request, context: Omit<InjectionContext, 'namespace'>): Judgement {
  const { kind, operation, subResource, namespace, object } = request
  if (kind.kind !== 'Pod' || kind.group !== '') {
    const what = [kind.group, kind.version, kind.kind].filter(part => part !== '').join('/')
    return invalid(`the injector takes pods alone, this is ${what}: mend the webhook's rules`)
  }
  if (operation !== 'CREATE' || subResource !== '') return [{ type: 'ignored' }, { allowed: true }]
  if (typeof object !== 'object' || object === null)
    return invalid('the review has no pod: request.object is missing')
  const result = injectPod(object, { ...context, namespace })
  if ('refused' in result) {
    const list = result.refused.map(({ path, message }) => `${path.join('.')}: ${message}`)
    const message = `Weft cannot inject ${nameOf(request)}: ${list.join('; ')}`
    return refusal('refused', 422, message)
  }
  if ('skipped' in result) {
    const warnings = warningsOf(request, result.skipped)
    return [
      { type: 'skipped', reason: result.skipped },
      { allowed: true, ...(warnings.length > 0 && { warnings }) },
    ]
  }
  const patch = Buffer.from(JSON.stringify(diff(object, result.injected))).toString('base64')
  const warnings = result.notes.slice(0, maxWarnings).map(shortened)
  return [
    { type: 'injected' },
    { allowed: true, patchType: 'JSONPatch', patch, ...(warnings.length > 0 && { warnings }) },
  ]
}

const skipWords: Readonly<Partial<Record<SkipReason, string>>> = {
  'host-network': 'it is in the network of its node (hostNetwork)',
  windows: 'it runs on Windows',
  'system-namespace': 'its namespace is one of the system',
}

const wishes: ReadonlySet<unknown> = new Set(['true', 'enabled'])
const withWishes = z.object({
  metadata: z.object({
    labels: z.record(z.string(), z.unknown()).nullish(),
    annotations: z.record(z.string(), z.unknown()).nullish(),
  }),
})

/** Who asks for a sidecar on the pod itself hears why there is none; who asks for a whole namespace does not. */
function warningsOf(request: Request, reason: SkipReason): string[] {
  const words = skipWords[reason]
  const { data } = withWishes.safeParse(request.object)
  const { labels, annotations } = data?.metadata ?? {}
  const isWished = wishes.has(labels?.[injectLabel]) || wishes.has(annotations?.[injectLabel])
  if (words === undefined || !isWished) return []
  return [shortened(`Weft does not inject ${nameOf(request)}: ${words}`)]
}

function invalid(message: string): Judgement {
  return refusal('invalid', 400, message)
}

function refusal(type: 'refused' | 'invalid', code: number, message: string): Judgement {
  const reason = code === 422 ? 'Invalid' : 'BadRequest'
  const status = { code, reason, message: message.slice(0, maxMessageLength) }
  return [{ type }, { allowed: false, status }]
}

const names = z.object({
  metadata: z.object({ name: z.string().optional(), generateName: z.string().optional() }),
})

/** A pod of a Deployment has no name yet. */
function nameOf({ namespace, name, object }: Request): string {
  const { data } = names.safeParse(object)
  const { metadata = {} } = data ?? {}
  const prefix = metadata.generateName === undefined ? '' : `${metadata.generateName}…`
  return `pod ${namespace}/${name || metadata.name || prefix}`
}

function shortened(text: string): string {
  return text.length <= maxWarningLength ? text : `${text.slice(0, maxWarningLength - 1)}…`
}
