import type {
  AuthorizationCondition,
  AuthorizationPolicy,
  AuthorizationRule,
  AuthorizationSource,
} from '../../../model/policy/authorization.ts'
import type { AuthorizationPolicyResource } from '../../../model/kinds/authorization-policy.ts'
import type { RequestAuthenticationResource } from '../../../model/kinds/request-authentication.ts'
import type { JwtRule } from '../../../model/policy/request-authentication.ts'
import type { PolicyScope } from './policy-scope.ts'

type RuleSettings = AuthorizationPolicyResource['spec']['rules'][number]
type SourceSettings = NonNullable<RuleSettings['from']>[number]
type JwtSettings = RequestAuthenticationResource['spec']['jwtRules'][number]

/** The policy that refuses every call where none opens the workload (Mesh.spec.defaultAuthorization). */
export const defaultDeny: AuthorizationPolicy = {
  name: 'Mesh/defaultAuthorization',
  action: 'allow',
  rules: [],
}

/** Tokens are looked for, and believed from nobody: in the place of rules where there are none. */
export const nobody: JwtSettings = {
  issuer: '',
  audiences: [],
  jwks: { keys: [] },
  fromHeaders: [],
  fromParams: [],
  forward: false,
  outputClaimToHeaders: [],
}

export function compileAuthorization(
  { metadata, spec }: AuthorizationPolicyResource,
  scope: PolicyScope,
): AuthorizationPolicy {
  const { namespace, name } = metadata
  return {
    name: `${namespace}/${name}`,
    action: spec.action,
    ...(spec.dryRun && { dryRun: true as const }),
    ...portsOf(scope),
    rules: spec.rules.map(rule => compileRule(rule, namespace)),
  }
}

export function compileJwtRules(
  { metadata, spec }: RequestAuthenticationResource,
  scope: PolicyScope,
): JwtRule[] {
  const policy = `${metadata.namespace}/${metadata.name}`
  const rules = spec.jwtRules.length === 0 ? [nobody] : spec.jwtRules
  return rules.map(rule => compileJwtRule(rule, policy, scope))
}

/** A SPIFFE ID as certificates have it; with a wildcard in front it begins with whatever that stands for. */
export function compilePrincipal(text: string): string {
  return text.startsWith('*') || text.startsWith('spiffe://') ? text : `spiffe://${text}`
}

export function portsOf(scope: PolicyScope): { readonly ports?: readonly number[] } {
  return scope === 'all' ? {} : { ports: scope }
}

function compileRule({ from, to, when }: RuleSettings, namespace: string): AuthorizationRule {
  return {
    ...(from !== undefined && { from: from.map(source => compileSource(source, namespace)) }),
    ...(to !== undefined && { to: to.map(given) }),
    ...(when !== undefined && { when: when.map(given<AuthorizationCondition>) }),
  }
}

function compileSource(source: SourceSettings, namespace: string): AuthorizationSource {
  const qualified = (names: readonly string[] | undefined): string[] | undefined =>
    names?.map(name => (name.includes('/') ? name : `${namespace}/${name}`))
  return given<AuthorizationSource>({
    ...source,
    principals: source.principals?.map(compilePrincipal),
    notPrincipals: source.notPrincipals?.map(compilePrincipal),
    serviceAccounts: qualified(source.serviceAccounts),
    notServiceAccounts: qualified(source.notServiceAccounts),
  })
}

function compileJwtRule(
  { jwks, jwksUri, fromHeaders, fromParams, ...rest }: JwtSettings,
  policy: string,
  scope: PolicyScope,
): JwtRule {
  const isDefault = fromHeaders.length === 0 && fromParams.length === 0
  return {
    policy,
    ...portsOf(scope),
    ...rest,
    ...(jwks !== undefined && { jwks }),
    ...(jwksUri !== undefined && { jwksUri }),
    fromHeaders: isDefault ? [{ name: 'authorization', prefix: 'Bearer ' }] : fromHeaders,
    fromParams,
  }
}

/** Without the fields that were left out, which would travel as nothing. */
function given<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}
