import { z } from 'zod'
import { longestFaultDelayMs } from '../../policy/fault.ts'
import { grpcFailures, grpcFailureNames } from '../../grpc-status.ts'
import { positiveDuration } from '../common.ts'
import { headerMatches } from '../gateway-route.ts'

const delay = positiveDuration.refine(
  ms => ms <= longestFaultDelayMs,
  `must not be longer than ${longestFaultDelayMs / 1000}s`,
)

const abort = z
  .strictObject({
    httpStatus: z.int().min(400).max(599).optional(),
    grpcStatus: z
      .enum(grpcFailureNames)
      .transform(name => grpcFailures[name])
      .optional(),
  })
  .refine(
    ({ httpStatus, grpcStatus }) => (httpStatus === undefined) !== (grpcStatus === undefined),
    'give httpStatus or grpcStatus',
  )

const fault = z
  .strictObject({
    match: z
      .strictObject({ headers: headerMatches })
      .optional()
      .describe('Default: every request.'),
    percent: z.number().min(0).max(100),
    delay: z.strictObject({ duration: delay }).optional(),
    abort: abort.optional(),
  })
  .refine(
    ({ delay: wait, abort: answer }) => wait !== undefined || answer !== undefined,
    'does nothing: give delay or abort',
  )

/** Each is rolled for on its own; of several delays the longest counts, of several aborts the first. */
export const faults = z.array(fault).max(16)

export type Fault = z.output<typeof fault>
