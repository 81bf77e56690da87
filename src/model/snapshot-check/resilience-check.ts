import { fieldsOf } from '../../base/fields.ts'
import { maxHalfOpenRequests } from '../cluster.ts'
import { longestFaultDelayMs } from '../policy/fault.ts'
import { mostHedgedAttempts } from '../policy/hedging.ts'

// The part of snapshot-check.ts that is about deadlines, hedging, faults, concurrency and overload.

type Report = (path: string, message: string) => void
type Fields = Readonly<Record<string, unknown>>

const breakerFields = ['failureRatio', 'minRequests', 'windowMs', 'openMs']
const gradientFields = ['minLimit', 'maxLimit', 'tolerance', 'windowMs', 'probeIntervalMs']

export function checkRoutePolicies(route: Fields, path: string, report: Report): void {
  const { timeoutMs, hedging, faults, circuitBreaker, retry } = route
  if (timeoutMs !== undefined && !isWithin(timeoutMs, 1))
    report(`${path}.timeoutMs`, 'must be at least 1')
  const { perTryTimeoutMs } = fieldsOf(retry)
  if (perTryTimeoutMs !== undefined && !isWithin(perTryTimeoutMs, 1))
    report(`${path}.retry.perTryTimeoutMs`, 'must be at least 1')
  if (hedging !== undefined) checkHedging(fieldsOf(hedging), `${path}.hedging`, report)
  if (circuitBreaker !== undefined) checkBreaker(circuitBreaker, `${path}.circuitBreaker`, report)
  if (faults === undefined) return
  if (!Array.isArray(faults)) return report(`${path}.faults`, 'is no list')
  for (const [index, fault] of faults.entries())
    checkFault(fieldsOf(fault), `${path}.faults[${index}]`, report)
}

export function checkClusterResilience(cluster: Fields, path: string, report: Report): void {
  const { maxQueued, queueTimeoutMs } = fieldsOf(cluster['concurrency'])
  if (maxQueued !== undefined && !isWithin(maxQueued, 0))
    report(`${path}.concurrency.maxQueued`, 'is no number from 0')
  if (queueTimeoutMs !== undefined && !isWithin(queueTimeoutMs, 1))
    report(`${path}.concurrency.queueTimeoutMs`, 'must be at least 1')
  const { windowMs } = fieldsOf(cluster['retryBudget'])
  if (windowMs !== undefined && !isWithin(windowMs, 1))
    report(`${path}.retryBudget.windowMs`, 'must be at least 1')
  const { adaptiveConcurrency } = cluster
  if (adaptiveConcurrency !== undefined)
    checkNumbers(adaptiveConcurrency, gradientFields, at(`${path}.adaptiveConcurrency`, report))
}

/** Of `inbound`. */
export function checkResilience(inbound: Fields, report: Report): void {
  const { adaptiveConcurrency, overload } = inbound
  for (const [port, policy] of Object.entries(fieldsOf(adaptiveConcurrency)))
    checkNumbers(policy, gradientFields, at(`inbound.adaptiveConcurrency.${port}`, report))
  if (overload === undefined) return
  const { enabled, eventLoopDelayMs, heapRatio } = fieldsOf(overload)
  if (typeof enabled !== 'boolean') report('inbound.overload.enabled', 'must be true or false')
  for (const [name, range] of Object.entries({ eventLoopDelayMs, heapRatio })) {
    const { start, full } = fieldsOf(range)
    if (!isWithin(start, 0) || !isWithin(full, 0) || (start as number) >= (full as number))
      report(`inbound.overload.${name}`, 'needs start, and full above it')
  }
}

function checkBreaker(breaker: unknown, path: string, report: Report): void {
  checkNumbers(breaker, breakerFields, at(path, report))
  const { halfOpenRequests } = fieldsOf(breaker)
  if (halfOpenRequests !== undefined && !isWithin(halfOpenRequests, 1, maxHalfOpenRequests))
    report(`${path}.halfOpenRequests`, `must be from 1 to ${maxHalfOpenRequests}`)
}

function checkHedging({ after, maxAttempts }: Fields, path: string, report: Report): void {
  const { delayMs, percentile } = fieldsOf(after)
  if (!isWithin(delayMs, 1) && !isWithin(percentile, 1, 100))
    report(`${path}.after`, 'needs delayMs or percentile')
  if (!isWithin(maxAttempts, 2, mostHedgedAttempts))
    report(`${path}.maxAttempts`, `must be from 2 to ${mostHedgedAttempts}`)
}

function checkFault(fault: Fields, path: string, report: Report): void {
  const { headers = [], percent, delayMs, abort } = fault
  if (!isWithin(percent, 0, 100)) report(`${path}.percent`, 'must be from 0 to 100')
  if (delayMs !== undefined && !isWithin(delayMs, 0, longestFaultDelayMs))
    report(`${path}.delayMs`, `must be from 0 to ${longestFaultDelayMs}`)
  if (!Array.isArray(headers)) report(`${path}.headers`, 'is no list')
  else
    for (const [index, header] of headers.entries())
      checkHeader(fieldsOf(header), `${path}.headers[${index}]`, report)
  if (abort === undefined) return
  const { httpStatus, grpcStatus } = fieldsOf(abort)
  if (!isWithin(httpStatus, 200, 599) && !isWithin(grpcStatus, 1, 16))
    report(`${path}.abort`, 'needs httpStatus or grpcStatus')
}

function checkHeader({ name, kind, value }: Fields, path: string, report: Report): void {
  if (typeof name !== 'string' || typeof value !== 'string')
    return report(path, 'needs name and value')
  if (kind !== 'exact' && kind !== 'regex') return report(`${path}.kind`, 'must be exact or regex')
  if (kind === 'exact') return
  try {
    new RegExp(value)
  } catch (error) {
    report(`${path}.value`, (error as Error).message)
  }
}

function at(path: string, report: Report): Report {
  return (field, message) => report(`${path}.${field}`, message)
}

function checkNumbers(policy: unknown, fields: readonly string[], report: Report): void {
  const values = fieldsOf(policy)
  for (const field of fields) if (!isWithin(values[field], 0)) report(field, 'is no number from 0')
}

function isWithin(value: unknown, least: number, most = Number.POSITIVE_INFINITY): boolean {
  return typeof value === 'number' && value >= least && value <= most
}
