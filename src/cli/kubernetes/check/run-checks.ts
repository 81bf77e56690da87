import type { Check, CheckContext, Finding } from './finding.ts'

/** What came of a check. */
export interface Result extends Finding {
  readonly category: string
  readonly title: string
  readonly ms: number
}

/** Where it is seen how far they are. */
export interface Progress {
  readonly begin: (check: Check) => void
  readonly end: (result: Result) => void
}

/** One after the other; after a vital one has failed, none. */
export async function runChecks(
  checks: readonly Check[],
  context: CheckContext,
  { begin, end }: Progress,
): Promise<Result[]> {
  const results: Result[] = []
  for (const check of checks) {
    begin(check)
    const startedAt = context.now()
    const finding = await findingOf(check, context)
    const { category, title, isVital = false } = check
    const result = { category, title, ...finding, ms: context.now() - startedAt }
    results.push(result)
    end(result)
    if (isVital && finding.verdict === 'failure') break
  }
  return results
}

async function findingOf(check: Check, context: CheckContext): Promise<Finding> {
  try {
    return await check.run(context)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { verdict: 'failure', message: `could not be looked at: ${message}` }
  }
}
