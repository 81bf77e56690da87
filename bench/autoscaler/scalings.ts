import { defaultMinSamples } from '../../src/functions/scaling/keep-alive.ts'
import type { Scaling } from './replay.ts'

const minuteMs = 60_000
const rental = { kind: 'ski-rental' } as const

/** Ways to keep what is idle; what is missing is started for what waits. */
export const keepAlives = {
  fixed5: fixed(5),
  fixed10: fixed(10),
  fixed20: fixed(20),
  rental: { name: 'ski rental', keepAlive: rental },
  histogram: {
    name: 'histogram',
    keepAlive: { kind: 'histogram', minSamples: defaultMinSamples },
  },
  cheaper: {
    name: 'the cheaper of both',
    keepAlive: { kind: 'cheaper', minSamples: defaultMinSamples },
  },
} as const satisfies Record<string, Scaling>

/** Ways to follow a load. */
export const followers = {
  fixed10: { ...fixed(10), name: 'reactive, fixed 10 min' },
  reactive: { name: 'reactive, ski rental', keepAlive: rental },
  reactiveMinute: {
    name: 'reactive, spares 1 min',
    keepAlive: rental,
    spareAfterMs: minuteMs,
  },
  autoscaler: {
    name: 'autoscaler alone',
    keepAlive: rental,
    starts: 'autoscaler',
    ends: 'autoscaler',
  },
  both: { name: 'both, ski rental', keepAlive: rental, starts: 'both' },
  bothMinute: {
    name: 'both, spares 1 min',
    keepAlive: rental,
    starts: 'both',
    ends: 'spares',
    spareAfterMs: minuteMs,
  },
} as const satisfies Record<string, Scaling>

function fixed(minutes: number): Scaling {
  return {
    name: `fixed, ${minutes} min`,
    keepAlive: { kind: 'fixed', keepAliveMs: minutes * minuteMs },
  }
}
