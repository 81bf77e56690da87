import type { Explanation } from '../../functions/placement/placement.ts'
import { CommandError } from '../command-error.ts'
import { explainFailure } from '../fetch-failure.ts'
import { formatTable } from '../table.ts'
import { adminOf, type HostOptions } from './host-admin.ts'

export interface PlacementOptions extends HostOptions {
  readonly json: boolean
}

const timeoutMs = 5000

/** `weft placement explain`: where the next call of a function would go, and why. Exit code 1 when nowhere. */
export async function explainPlacement(name: string, options: PlacementOptions): Promise<number> {
  const explanation = await fetchExplanation(
    new URL('/function/placement', await adminOf(name, options)),
  )
  if (explanation === null) {
    console.log(`${name} has no placement: it runs on its host`)
    return 0
  }
  console.log(options.json ? JSON.stringify(explanation, null, 2) : format(name, explanation))
  return explanation.choice === undefined ? 1 : 0
}

function format(name: string, { choice, reason, candidates }: Explanation): string {
  const head = ['BACKEND', 'KIND', 'REGION', 'MAY BE USED', 'SCORE']
  const rows = candidates.map(candidate => [
    candidate.name,
    candidate.kind,
    candidate.region ?? '-',
    candidate.eligible ? 'yes' : obstacles(candidate),
    candidate.score === undefined ? '-' : scoreText(candidate.score),
  ])
  return `${name} goes to ${choice ?? 'nobody'}: ${reason}\n${formatTable([head, ...rows])}`
}

function obstacles({ verdicts }: Explanation['candidates'][number]): string {
  const failed = verdicts.filter(({ passed }) => !passed)
  return `no: ${failed.map(({ filter, reason }) => `${filter} (${reason})`).join(', ')}`
}

function scoreText({
  total,
  costTerm,
  latencyTerm,
  errorTerm,
}: NonNullable<Explanation['candidates'][number]['score']>): string {
  const terms = [
    `cost ${digits(costTerm)}`,
    `latency ${digits(latencyTerm)}`,
    `errors ${digits(errorTerm)}`,
  ]
  return `${digits(total)} (${terms.join(', ')})`
}

function digits(value: number): string {
  return value.toPrecision(3)
}

async function fetchExplanation(url: URL): Promise<Explanation | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    if (response.ok) return ((await response.json()) as { placement: Explanation | null }).placement
    throw new Error(response.status === 404 ? 'hosts no function' : `answered ${response.status}`)
  } catch (error) {
    throw new CommandError(`no placement from ${url.origin}: ${explainFailure(error)}`)
  }
}
