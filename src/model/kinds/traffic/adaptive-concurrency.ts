import { z } from 'zod'
import { positiveDuration } from '../common.ts'

const limit = z.int().min(1).max(1_000_000)

export const adaptiveConcurrency = z
  .strictObject({
    at: z
      .enum(['inbound', 'outbound'])
      .default('inbound')
      .describe(
        'Who limits: the sidecar of the service, for all callers together, or that of each caller.',
      ),
    minLimit: limit.optional().describe('Default: 3.'),
    maxLimit: limit.optional().describe('Default: 1000.'),
    tolerance: z
      .number()
      .min(0.01)
      .max(10)
      .optional()
      .describe('Share by which answers may take longer than without load. Default: 0.25.'),
    window: positiveDuration.optional().describe('Default: 100ms.'),
    probeInterval: positiveDuration.optional().describe('Default: 1m.'),
  })
  .refine(({ minLimit = 3, maxLimit = 1000 }) => minLimit <= maxLimit, {
    path: ['maxLimit'],
    message: 'must not be lower than minLimit',
  })
