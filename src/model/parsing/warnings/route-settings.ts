import type { HttpRouteResource, HttpRouteRule } from '../../kinds/http-route.ts'
import type { TrafficPolicyResource } from '../../kinds/traffic-policy.ts'
import { qualify } from '../../qualified-name.ts'
import type { Report } from '../references.ts'
import type { Sourced } from '../validate.ts'
import { takesKeys, unsafeMethods } from './policy-retries.ts'
import { ofKind, titleOf } from './resources.ts'

/** Rules whose backends, retries and timeouts cannot do what they say. */
export function checkRouteSettings(sources: readonly Sourced[], report: Report): void {
  const policies = Map.groupBy(ofKind(sources, 'TrafficPolicy'), ({ resource }) =>
    qualify({ ...resource.metadata, name: resource.spec.targetRef.name }),
  )
  for (const kind of ['HTTPRoute', 'GRPCRoute'] as const)
    for (const source of ofKind(sources, kind))
      for (const [index, rule] of source.resource.spec.rules.entries())
        checkBackends(source, rule, { index, report })
  const all = ofKind(sources, 'TrafficPolicy').map(({ resource }) => resource)
  for (const source of ofKind(sources, 'HTTPRoute'))
    for (const [index, rule] of source.resource.spec.rules.entries()) {
      if (!takesKeys(source.resource, all)) checkRetry(source, rule, { index, report })
      checkTimeout(source, rule, { index, report, policies: policiesOf(source, policies) })
    }
}

interface RulePlace {
  readonly index: number
  readonly report: Report
}

type Policies = readonly Sourced<TrafficPolicyResource>[]

function policiesOf(
  { resource }: Sourced<HttpRouteResource>,
  policies: ReadonlyMap<string, Policies>,
): Policies {
  const { metadata, spec } = resource
  return spec.parentRefs.flatMap(({ name, namespace = metadata.namespace, port }) =>
    (policies.get(qualify({ name, namespace })) ?? []).filter(({ resource: policy }) => {
      const { kind, port: ofPort } = policy.spec.targetRef
      const isMeant = port === undefined || ofPort === undefined || ofPort === port
      return kind === 'Service' && isMeant
    }),
  )
}

function checkBackends(
  source: Sourced,
  { backendRefs, filters }: Pick<HttpRouteRule, 'backendRefs' | 'filters'>,
  { index, report }: RulePlace,
): void {
  // It answers in their place.
  const redirects = filters.some(({ type }) => type === 'RequestRedirect')
  if (redirects || backendRefs.some(({ weight }) => weight > 0)) return
  const why = backendRefs.length === 0 ? 'there are none' : 'their weights sum to 0'
  const path = ['spec', 'rules', index, ...(backendRefs.length === 0 ? [] : ['backendRefs'])]
  report(source, path, `leads to no backend, since ${why}: each request is answered with 500`)
}

function checkRetry(
  source: Sourced,
  { retry, matches }: HttpRouteRule,
  { index, report }: RulePlace,
): void {
  if (retry === undefined || retry.attempts === 0) return
  const unsafe = unsafeMethods(matches)
  if (unsafe.length === 0) return
  report(
    source,
    ['spec', 'rules', index, 'retry'],
    `does not hold for ${unsafe.join(' and ')}, which may not be repeated: only what surely never reached the application is sent again; match another method, or leave this out`,
  )
}

function checkTimeout(
  source: Sourced,
  { timeouts }: HttpRouteRule,
  { index, report, policies }: RulePlace & { readonly policies: Policies },
): void {
  const { request = 0, backendRequest } = timeouts ?? {}
  if (request === 0 || backendRequest !== undefined) return
  for (const policy of policies) {
    const perTry = policy.resource.spec.retry?.perTryTimeout ?? 0
    if (perTry <= request) continue
    report(
      source,
      ['spec', 'rules', index, 'timeouts', 'request'],
      `${request} ms is shorter than the ${perTry} ms that one try may take by retry.perTryTimeout of ${titleOf(policy)}: a slow try is never repeated`,
    )
  }
}
