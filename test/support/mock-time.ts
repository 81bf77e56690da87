import { mock } from 'node:test'
import type { Test } from 'tap'

/**
 * Until the test is over these timers end by `mock.timers.tick` alone. From the start of a test: a timer that is real
 * can't be cleared any more afterwards.
 */
export function mockTime(
  t: Test,
  apis: readonly ('setTimeout' | 'setInterval')[] = ['setTimeout'],
): void {
  mock.timers.enable({ apis })
  t.teardown(() => mock.timers.reset())
}
