import type { Cluster } from '../cluster/cluster.ts'

/** `warning`: it works, and is not as it should be. */
export type Verdict = 'ok' | 'warning' | 'failure'

/** What a check has found. */
export interface Finding {
  readonly verdict: Verdict
  readonly message: string
  /** What to do about it. */
  readonly hint?: string
}

export interface CheckContext {
  readonly cluster: Pick<Cluster, 'ask' | 'get' | 'list'>
  /** Wall clock, ms since 1970. */
  readonly now: () => number
  /** Of this software. */
  readonly version: string
  /** The only one whose pods are looked at; undefined: all. */
  readonly namespace: string | undefined
}

export interface Check {
  readonly category: string
  readonly title: string
  /** When it fails the rest would too. */
  readonly isVital?: boolean
  /** What it throws is a failure as well. */
  readonly run: (context: CheckContext) => Promise<Finding>
}

export function ok(message: string): Finding {
  return { verdict: 'ok', message }
}

export function warning(message: string, hint: string): Finding {
  return { verdict: 'warning', message, hint }
}

export function failure(message: string, hint: string): Finding {
  return { verdict: 'failure', message, hint }
}

const shown = 5

/** The first of many. */
export function some(names: readonly string[]): string {
  const more = names.length - shown
  return names.slice(0, shown).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
