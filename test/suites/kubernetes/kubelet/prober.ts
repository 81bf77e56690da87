import { setTimeout as sleep } from 'node:timers/promises'
import type { Probe } from '../cluster/objects.ts'
import { perform, type ActionTarget } from './action.ts'

export interface Watcher {
  /** What the container counts as before the first answer. */
  readonly initial: boolean
  /** Called when enough answers in a row say so, and for each such answer after. */
  readonly onResult: (success: boolean, message: string) => void
}

/** Asks a probe at its period until it is aborted. */
export async function watchProbe(
  probe: Probe,
  target: ActionTarget,
  { initial, onResult }: Watcher,
  signal: AbortSignal,
): Promise<void> {
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1 } = probe
  const { successThreshold = 1, failureThreshold = 3 } = probe
  const pause = (seconds: number): Promise<unknown> =>
    sleep(seconds * 1000, undefined, { signal }).catch(() => {})
  await pause(initialDelaySeconds)
  let last = initial
  let row = 0
  while (!signal.aborted) {
    const failure = await perform(probe, target, timeoutSeconds * 1000)
    if (signal.aborted) return
    const success = failure === undefined
    row = success === last ? row + 1 : 1
    last = success
    if (row >= (success ? successThreshold : failureThreshold)) onResult(success, failure ?? '')
    await pause(periodSeconds)
  }
}
