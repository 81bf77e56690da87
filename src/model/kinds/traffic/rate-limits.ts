import { z } from 'zod'
import { headerName, method, pathPattern, positiveDuration, wildcardText } from '../common.ts'

/** With more the counter's clock, milliseconds as a float, would no longer tell requests apart. */
const requests = z.int().min(1).max(10_000_000)
const maxList = 64

const match = z.strictObject({
  methods: z.array(method).min(1).max(maxList).optional(),
  paths: z.array(pathPattern).min(1).max(maxList).optional(),
  headers: z
    .array(z.strictObject({ name: headerName, values: z.array(wildcardText).min(1).max(maxList) }))
    .min(1)
    .max(16)
    .optional()
    .describe('All of them; of each one value suffices.'),
})

const override = z.strictObject({
  caller: wildcardText.describe('SPIFFE ID; `spiffe://` may be left out.'),
  requests,
  burst: requests.optional().describe('Default: as many as `requests`.'),
})

const rateLimit = z
  .strictObject({
    requests: requests.describe('That each sidecar lets through to its application.'),
    per: positiveDuration.prefault('1s'),
    burst: requests.optional().describe('At once, after a pause. Default: as many as `requests`.'),
    key: z
      .union(
        [z.enum(['none', 'caller']), z.strictObject({ header: headerName })],
        'must be none, caller, or an object with a header',
      )
      .default('none')
      .describe('What has a limit of its own: each caller, or each value of a header.'),
    match: match.optional().describe('Which requests it is for. Default: all.'),
    overrides: z.array(override).max(256).default([]).describe('For callers, with `key: caller`.'),
  })
  .superRefine(({ key, overrides }, context) => {
    if (overrides.length === 0 || key === 'caller') return
    const message = 'are for callers: set `key: caller`'
    context.addIssue({ code: 'custom', path: ['overrides'], message })
  })

/** Of a TrafficPolicy. */
export const rateLimits = z.array(rateLimit).max(32).optional()

export type RateLimitSettings = z.output<typeof rateLimit>
