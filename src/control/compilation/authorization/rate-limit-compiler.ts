import type { RateLimitSettings } from '../../../model/kinds/traffic/rate-limits.ts'
import type { RateLimit, RateLimitKey, RateLimitMatch } from '../../../model/policy/rate-limit.ts'
import { compilePrincipal, portsOf } from './authorization-compiler.ts'
import type { PolicyScope } from './policy-scope.ts'

/** @param policy `<namespace>/<TrafficPolicy>`. */
export function compileRateLimits(
  settings: readonly RateLimitSettings[],
  policy: string,
  scope: PolicyScope,
): RateLimit[] {
  return settings.map((limit, index) => {
    const { requests, per: perMs, burst = requests, key, match, overrides } = limit
    return {
      name: `${policy}/${index}`,
      ...portsOf(scope),
      quota: { requests, perMs, burst },
      key: compileKey(key),
      ...(match !== undefined && { match: compileMatch(match) }),
      overrides: overrides.map(({ caller, requests: own, burst: ownBurst = own }) => ({
        caller: compilePrincipal(caller),
        quota: { requests: own, perMs, burst: ownBurst },
      })),
    }
  })
}

function compileKey(key: RateLimitSettings['key']): RateLimitKey {
  return typeof key === 'string' ? { kind: key } : { kind: 'header', name: key.header }
}

function compileMatch({
  methods,
  paths,
  headers,
}: NonNullable<RateLimitSettings['match']>): RateLimitMatch {
  return {
    ...(methods !== undefined && { methods }),
    ...(paths !== undefined && { paths }),
    ...(headers !== undefined && { headers }),
  }
}
