import { z } from 'zod'
import { mostHedgedAttempts } from '../../policy/hedging.ts'
import { positiveDuration } from '../common.ts'

/** `after: 50ms`, or `after: { percentile: 95 }`. */
export const hedging = z.strictObject({
  after: z
    .union([
      positiveDuration,
      z.strictObject({
        percentile: z.number().min(50).max(99.9).describe('Of the time that tries took lately.'),
      }),
    ])
    .describe('The wait for an answer before the request is sent to another endpoint as well.'),
  maxAttempts: z
    .int()
    .min(2)
    .max(mostHedgedAttempts)
    .default(2)
    .describe('Tries at a time, with the first.'),
})
