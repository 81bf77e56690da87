import { setTimeout as delay } from 'node:timers/promises'

/** Asks again and again. @returns ms that it took. @throws after a minute, unless told otherwise. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { everyMs = 100, withinMs = 60_000 } = {},
): Promise<number> {
  const begun = performance.now()
  while (!(await holds())) {
    if (performance.now() - begun > withinMs)
      throw new Error(`not within ${withinMs / 1000} s: ${what}`)
    await delay(everyMs)
  }
  return performance.now() - begun
}
