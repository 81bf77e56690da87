import { z } from 'zod'
import { positiveDuration, ratio } from '../common.ts'
import { overloadDefaults } from '../../policy/overload.ts'

function range<V extends z.ZodType<number>>(value: V, defaults: Range) {
  return z
    .strictObject({ start: value.optional(), full: value.optional() })
    .refine(
      ({ start = defaults.start, full = defaults.full }) => (start as number) < (full as number),
      'start must be lower than full',
    )
}

interface Range {
  readonly start: number
  readonly full: number
}

/** Of the Mesh: for all its sidecars. */
export const overload = z
  .strictObject({
    enabled: z.boolean(),
    eventLoopDelay: range(positiveDuration, overloadDefaults.eventLoopDelayMs).describe(
      'How late the event loop of a sidecar is. Default: 500ms and 2s.',
    ),
    heap: range(ratio, overloadDefaults.heapRatio).describe(
      'Share of the heap that is used. Default: 0.85 and 0.95.',
    ),
  })
  .partial()
