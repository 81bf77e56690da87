import { z } from 'zod'
import { positiveDuration, ratio } from '../common.ts'

const count = z.int().min(1)

/** Whom a sweep judges. */
const judged = { minHosts: count, minRequests: count }

export const outlierDetection = z
  .strictObject({
    enabled: z.boolean(),
    consecutiveFailures: count,
    consecutiveGatewayFailures: count.describe(
      'Answers of 502, 503, 504 and requests without an answer.',
    ),
    consecutiveLocalFailures: count.describe('Requests without an answer.'),
    baseEjection: positiveDuration,
    maxEjection: positiveDuration,
    maxEjectedRatio: ratio,
    panicRatio: ratio,
    interval: positiveDuration.describe('Of successRate and failurePercentage. Default 10s.'),
    successRate: z
      .strictObject({ stdevFactor: z.number().min(0).max(100), ...judged })
      .partial()
      .describe('Ejects who lies so many standard deviations below the mean. Default: off.'),
    failurePercentage: z
      .strictObject({ threshold: z.number().min(0).max(100).describe('In percent.'), ...judged })
      .partial()
      .describe('Ejects who fails so much. Default: off.'),
  })
  .partial()
