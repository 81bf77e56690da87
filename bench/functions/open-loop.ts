import { setTimeout as delay } from 'node:timers/promises'
import { monotonicNow } from '../../src/base/clock.ts'

export interface OpenLoopOptions {
  readonly perSecond: number
  readonly seconds: number
  /** Left out of the result: code is compiled and connections are made. */
  readonly warmUpSeconds: number
}

/** Latencies in ms. Calls begin by the clock, whether or not those before them have ended. */
export async function openLoop(
  call: () => Promise<void>,
  { perSecond, seconds, warmUpSeconds }: OpenLoopOptions,
): Promise<number[]> {
  const samples: number[] = []
  const running = new Set<Promise<void>>()
  const total = perSecond * (seconds + warmUpSeconds)
  const startedAt = monotonicNow()
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((monotonicNow() - startedAt) / 1000) * perSecond))
    for (; sent < due; sent++) {
      const begun = monotonicNow()
      const counts = sent >= perSecond * warmUpSeconds
      const one = call().then(() => {
        if (counts) samples.push(monotonicNow() - begun)
        running.delete(one)
      })
      running.add(one)
    }
    await delay(1)
  }
  await Promise.all(running)
  return samples
}
