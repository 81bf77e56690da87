import { z } from 'zod'
import { headerName } from './header-modifier.ts'

/** Gateway API's CORSOrigin, with `*` for a whole host or for its first labels. */
const originPattern =
  /^(?:\*|https?:\/\/(?:\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::[0-9]{1,5})?)$/i

const origin = z
  .string()
  .max(253)
  .regex(originPattern, 'is no origin such as https://shop.example, https://*.example or *')

const methods = 'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'.split(' ')

function listOf<T extends z.ZodType<string>>(element: T, max: number) {
  return z
    .array(element)
    .max(max)
    .default([])
    .refine(
      (list: readonly string[]) => list.length < 2 || !list.includes('*'),
      '"*" stands for all, and can only stand alone',
    )
}

/** Gateway API's HTTPCORSFilter (GEP-1767). */
export const cors = z.strictObject({
  allowOrigins: listOf(origin, 64),
  allowCredentials: z.boolean().default(false),
  allowMethods: listOf(z.enum([...methods, '*']), 9),
  // "*" is a header name too.
  allowHeaders: listOf(headerName, 64),
  exposeHeaders: listOf(headerName, 64),
  maxAge: z.int().min(1).max(2_147_483_647).default(5).describe('Seconds.'),
})

export type Cors = z.output<typeof cors>
