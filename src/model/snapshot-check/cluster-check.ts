import { fieldsOf } from '../../base/fields.ts'
import { maxHalfOpenRequests } from '../cluster.ts'
import {
  choiceBounds,
  isHashing,
  isPrime,
  loadBalancingPolicies,
  tableBounds,
} from '../policy/load-balancing.ts'

type Report = (path: string, message: string) => void
type Fields = Readonly<Record<string, unknown>>

const policies: readonly unknown[] = loadBalancingPolicies
const hashKinds: readonly unknown[] = ['header', 'cookie', 'query', 'source']
const localityModes: readonly unknown[] = ['zone-aware', 'zone-first']
const probeBounds = { least: 1, most: maxHalfOpenRequests }
const fallbacks: readonly unknown[] = ['any', 'none']

/** The parts of a cluster in a snapshot that decide about the choice of endpoints. */
export function checkBalancing(cluster: Fields, path: string, report: Report): void {
  const { loadBalancing, choices, slowStart, locality, subset } = cluster
  if (!policies.includes(loadBalancing))
    report(`${path}.loadBalancing`, `unknown: ${JSON.stringify(loadBalancing)}`)
  checkWhole(choices, choiceBounds, { path: `${path}.choices`, report })
  checkHashing(cluster, path, report)
  if (slowStart !== undefined) {
    const { windowMs, minRatio, aggression } = fieldsOf(slowStart)
    if (!isPositive(windowMs) || !isPositive(aggression) || !isNumber(minRatio))
      report(`${path}.slowStart`, 'needs windowMs, minRatio and aggression')
  }
  if (locality !== undefined) checkLocality(fieldsOf(locality), `${path}.locality`, report)
  if (subset !== undefined) checkSubset(fieldsOf(subset), `${path}.subset`, report)
}

/** What of outlier detection and circuit breaking may be absent. */
export function checkSweeps(cluster: Fields, path: string, report: Report): void {
  const { outlierDetection, circuitBreaker } = cluster
  const outliers = fieldsOf(outlierDetection)
  const at = `${path}.outlierDetection`
  for (const field of ['consecutiveGatewayFailures', 'consecutiveLocalFailures', 'intervalMs'])
    if (outliers[field] !== undefined && !isPositive(outliers[field]))
      report(`${at}.${field}`, 'must be positive')
  for (const [name, factor] of [
    ['successRate', 'stdevFactor'],
    ['failurePercentage', 'threshold'],
  ] as const) {
    if (outliers[name] === undefined) continue
    const { minHosts, minRequests, [factor]: value } = fieldsOf(outliers[name])
    if (!isPositive(minHosts) || !isPositive(minRequests) || !isNumber(value))
      report(`${at}.${name}`, `needs ${factor}, minHosts and minRequests`)
  }
  const { halfOpenRequests } = fieldsOf(circuitBreaker)
  const place = { path: `${path}.circuitBreaker.halfOpenRequests`, report }
  checkWhole(halfOpenRequests, probeBounds, place)
}

function checkHashing(
  { loadBalancing, tableSize, hashOn }: Fields,
  path: string,
  report: Report,
): void {
  checkWhole(tableSize, tableBounds, { path: `${path}.tableSize`, report })
  if (loadBalancing === 'maglev' && tableSize !== undefined && !isPrime(Number(tableSize)))
    report(`${path}.tableSize`, 'is no prime')
  if (hashOn !== undefined) checkSources(hashOn, `${path}.hashOn`, report)
  else if (isHashing(loadBalancing as never)) report(`${path}.hashOn`, 'is missing')
}

function checkSources(hashOn: unknown, path: string, report: Report): void {
  if (!Array.isArray(hashOn) || hashOn.length === 0) return report(path, 'is no list of sources')
  for (const [index, source] of hashOn.entries()) {
    const { kind, name, ttlMs } = fieldsOf(source)
    if (!hashKinds.includes(kind) || typeof name !== 'string')
      report(`${path}[${index}]`, 'needs a kind that is known, and a name')
    if (ttlMs !== undefined && !isNumber(ttlMs)) report(`${path}[${index}].ttlMs`, 'is no number')
  }
}

function checkLocality(locality: Fields, path: string, report: Report): void {
  const { mode, zone, overprovisioning, minEndpoints } = locality
  if (!localityModes.includes(mode)) report(`${path}.mode`, `unknown: ${JSON.stringify(mode)}`)
  if (typeof zone !== 'string') report(`${path}.zone`, 'is missing')
  if (!isPositive(overprovisioning) || !isNumber(minEndpoints))
    report(path, 'needs overprovisioning and minEndpoints')
}

function checkSubset({ header, label, fallback }: Fields, path: string, report: Report): void {
  if (typeof header !== 'string' || typeof label !== 'string')
    report(path, 'needs header and label')
  if (!fallbacks.includes(fallback)) report(`${path}.fallback`, 'must be any or none')
}

interface Place {
  readonly path: string
  readonly report: Report
}

function checkWhole(
  value: unknown,
  { least, most }: { readonly least: number; readonly most: number },
  { path, report }: Place,
): void {
  if (value === undefined) return
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
    report(path, `must be a whole number from ${least} to ${most}`)
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0
}
