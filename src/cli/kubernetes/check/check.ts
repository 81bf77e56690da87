import { version } from '../../version.ts'
import { Cluster, type ClusterOptions } from '../cluster/cluster.ts'
import { clusterChecks, permissionChecks } from './cluster-checks.ts'
import { controlChecks } from './control-checks.ts'
import type { Check, Verdict } from './finding.ts'
import { runChecks, type Progress, type Result } from './run-checks.ts'
import { sidecarChecks } from './sidecar-checks.ts'

export interface CheckFlags extends ClusterOptions {
  /** Before anything is installed. */
  readonly pre?: boolean
  readonly namespace?: string
  readonly json?: boolean
}

/** Where a report goes, and whether somebody watches it being written. */
export interface Screen {
  readonly write: (text: string) => void
  readonly isTerminal: boolean
  /** Wall clock. */
  readonly now: () => number
}

/** `weft check`: 0 when nothing has failed, 1 when something has. @throws CommandError (2) when nothing can be looked at */
export async function check(flags: CheckFlags, screen: Screen): Promise<number> {
  const { pre = false, json = false, namespace } = flags
  const checks = pre
    ? [...clusterChecks, ...permissionChecks]
    : [...clusterChecks, ...controlChecks, ...sidecarChecks]
  await using cluster = await Cluster.open(flags)
  const context = { cluster, version, namespace, now: screen.now }
  const results = await runChecks(checks, context, json ? silence : progressOn(screen))
  const left = checks.length - results.length
  screen.write(
    json ? `${JSON.stringify({ checks: results, left }, null, 2)}\n` : summary(results, left),
  )
  return results.some(({ verdict }) => verdict === 'failure') ? 1 : 0
}

const silence: Progress = { begin: () => {}, end: () => {} }
const signs: Readonly<Record<Verdict, string>> = { ok: '✓', warning: '!', failure: '×' }

function progressOn({ write, isTerminal }: Screen): Progress {
  let category = ''
  return {
    begin: (next: Check) => {
      if (next.category !== category) write(`${category === '' ? '' : '\n'}${next.category}\n`)
      category = next.category
      if (isTerminal) write(`  … ${next.title}`)
    },
    end: result => write(`${isTerminal ? '\r\u001B[K' : ''}${lineOf(result)}`),
  }
}

function lineOf({ title, verdict, message, hint, ms }: Result): string {
  const line = `  ${signs[verdict]} ${title}: ${message} (${ms} ms)\n`
  return hint === undefined ? line : `${line}      → ${hint}\n`
}

function summary(results: readonly Result[], left: number): string {
  const count = (wanted: Verdict) => results.filter(({ verdict }) => verdict === wanted).length
  const parts = [
    `${count('ok')} well`,
    counted(count('warning'), 'warning'),
    `${count('failure')} failed`,
  ]
  const rest = left > 0 ? [`${left} not looked at`] : []
  return `\n${[...parts, ...rest].join(', ')}\n`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
