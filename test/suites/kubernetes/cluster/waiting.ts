import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks until there is an answer that is neither undefined nor false; errors count as none.
 * @throws when that took longer than `withinMs`, with the last error.
 */
export async function waitFor<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 60_000,
): Promise<T> {
  const end = performance.now() + withinMs
  for (;;) {
    let last: unknown
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      const reason = last === undefined ? '' : `: ${(last as Error).message}`
      throw new Error(`${what}: not within ${withinMs / 1000} s${reason}`, { cause: last })
    }
    await sleep(20)
  }
}
