import { z } from 'zod'
import {
  choiceBounds,
  isHashing,
  isPrime,
  loadBalancingPolicies,
  tableBounds,
} from '../../policy/load-balancing.ts'
import { duration, headerName, labels, positiveDuration } from '../common.ts'

/** RFC 9110 §5.6.2, as names of cookies are. */
const token = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be a name of letters, digits and "-"')
const count = z.int().min(1)

const hashSource = z
  .strictObject({
    header: headerName.optional(),
    cookie: z
      .strictObject({
        name: token,
        ttl: duration
          .optional()
          .describe(
            'A caller without the cookie is given it for so long; 0s: until its session ends. Default: it is given none.',
          ),
      })
      .optional(),
    query: z.string().min(1).max(128).optional().describe('Name of a parameter.'),
    source: z.literal(true).optional().describe("The caller's address."),
  })
  .refine(
    source => Object.values(source).filter(value => value !== undefined).length === 1,
    'needs exactly one of header, cookie, query and source',
  )

const slowStart = z.strictObject({
  window: positiveDuration,
  minPercent: z.number().min(0).max(100).default(10),
  aggression: z.number().min(0.1).max(100).default(1),
})

const locality = z.strictObject({
  mode: z
    .enum(['zone-aware', 'zone-first', 'off'])
    .default('zone-aware')
    .describe(
      "zone-aware: the caller's zone, as far as it has its share of the endpoints. zone-first: the caller's zone, however small.",
    ),
  overprovisioning: z.number().min(1).max(100).default(1.4),
  minEndpoints: count.default(6).describe('Of zone-aware: with fewer, zones do not count.'),
})

const subset = z
  .strictObject({
    labels: labels.optional().describe('Only endpoints with these labels serve.'),
    byHeader: z
      .strictObject({ header: headerName, label: z.string().min(1).max(317) })
      .optional()
      .describe('The endpoint has the label with the value that the request has in the header.'),
    fallback: z.enum(['any', 'none']).default('any').describe('Where no endpoint fits.'),
  })
  .refine(
    ({ labels: wanted, byHeader }) => wanted !== undefined || byHeader !== undefined,
    'needs labels or byHeader',
  )

const fields = z.strictObject({
  policy: z.enum(loadBalancingPolicies).default('peak-ewma'),
  choices: z
    .int()
    .min(choiceBounds.least)
    .max(choiceBounds.most)
    .optional()
    .describe('Of peak-ewma and least-request: endpoints drawn, of which the best is taken.'),
  hashOn: z
    .array(hashSource)
    .min(1)
    .max(8)
    .optional()
    .describe('Of ring-hash and maglev: the first that a request has is its key.'),
  tableSize: z
    .int()
    .min(tableBounds.least)
    .max(tableBounds.most)
    .optional()
    .describe('Of ring-hash at least so many points (1024), of maglev the slots, a prime (65537).'),
  slowStart: slowStart.optional(),
  locality: locality
    .optional()
    .describe(
      'Default: zone-aware; off for ring-hash and maglev, whose keys would be elsewhere for the callers of each zone.',
    ),
  subset: subset.optional(),
})

type Fields = z.output<typeof fields>

/** A name alone is the policy. */
export const loadBalancing = z
  .union([z.enum(loadBalancingPolicies), fields])
  .transform((given): Fields => (typeof given === 'string' ? { policy: given } : given))
  .superRefine((given, context) => {
    for (const [field, message] of mismatches(given))
      context.addIssue({ code: 'custom', path: [field], message })
  })

function* mismatches({ policy, ...given }: Fields): Iterable<[keyof Fields, string]> {
  const { choices, hashOn, tableSize, slowStart: slow } = given
  if (isHashing(policy)) {
    if (hashOn === undefined) yield ['hashOn', `is missing: ${policy} needs to know what to hash`]
    if (slow !== undefined)
      yield ['slowStart', `would move keys to and fro; leave it out with ${policy}`]
  } else {
    if (hashOn !== undefined) yield ['hashOn', 'is for ring-hash and maglev']
    if (tableSize !== undefined) yield ['tableSize', 'is for ring-hash and maglev']
  }
  if (choices !== undefined && policy !== 'peak-ewma' && policy !== 'least-request')
    yield ['choices', 'is for peak-ewma and least-request']
  if (policy === 'maglev' && tableSize !== undefined && !isPrime(tableSize))
    yield ['tableSize', `must be a prime for maglev, and ${tableSize} is none; 65537 is one`]
}
