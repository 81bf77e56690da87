import type { ConfigurationProblem } from '../../problem.ts'
import type { Report } from '../references.ts'
import type { Sourced } from '../validate.ts'
import { checkEntryHosts } from './entry-hosts.ts'
import { checkGuardedWorkloads } from './guarded-workloads.ts'
import { checkPolicyRetries } from './policy-retries.ts'
import { checkRouteSettings } from './route-settings.ts'
import { checkShadowedRoutes } from './shadowed-routes.ts'
import { checkTrafficPolicies } from './traffic-policies.ts'

/** What is valid and hardly meant: `weft validate` tells of it, and nothing else looks. */
export function findWarnings(sources: readonly Sourced[]): ConfigurationProblem[] {
  const warnings: ConfigurationProblem[] = []
  const report: Report = ({ document }, path, message) => {
    warnings.push(document.problem(path, message))
  }
  checkShadowedRoutes(sources, report)
  checkRouteSettings(sources, report)
  checkTrafficPolicies(sources, report)
  checkPolicyRetries(sources, report)
  checkEntryHosts(sources, report)
  checkGuardedWorkloads(sources, report)
  return warnings
}
