import { z } from 'zod'
import { codeShape } from './function-code.ts'

/** What AWS Lambda takes for aliases; numbers name versions there, here they may have any such name. */
const qualifier = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'must be lower-case letters, digits and "-"')

const version = z
  .strictObject({ name: qualifier, ...z.strictObject(codeShape).partial().shape })
  .describe('A version: what it does not say is as in the function itself.')

/** What is published beside the function as it is ($LATEST). */
export const functionVersions = z
  .array(version)
  .max(20)
  .default([])
  .superRefine((list, context) => mustDiffer(list, context))

const alias = z
  .strictObject({
    name: qualifier,
    backends: z
      .array(
        z.strictObject({
          version: qualifier.or(z.literal('$LATEST')),
          weight: z.int().min(0).max(1_000_000).default(1),
        }),
      )
      .min(1)
      .max(16)
      .describe('Which versions its calls go to, in shares of their weights.'),
  })
  .describe('A name for versions, by which they can be replaced step by step.')

export const functionAliases = z
  .array(alias)
  .max(20)
  .default([])
  .superRefine((list, context) => mustDiffer(list, context))

export type FunctionVersion = z.output<typeof version>
type FunctionAlias = z.output<typeof alias>

function mustDiffer(
  list: readonly { readonly name: string }[],
  context: z.core.$RefinementCtx<unknown>,
): void {
  const seen = new Set<string>()
  for (const [index, { name }] of list.entries()) {
    if (seen.has(name))
      context.addIssue({ code: 'custom', path: [index, 'name'], message: `${name} comes twice` })
    seen.add(name)
  }
}

interface Qualified {
  readonly versions: readonly { readonly name: string }[]
  readonly aliases: readonly FunctionAlias[]
}

/** One name leads to one thing, and aliases to versions that there are. */
export function mustResolve(
  { versions, aliases }: Qualified,
  context: z.core.$RefinementCtx<unknown>,
): void {
  const names = new Set(['$LATEST', ...versions.map(({ name }) => name)])
  const report = (path: readonly PropertyKey[], message: string): void =>
    context.addIssue({ code: 'custom', path: ['aliases', ...path], message })
  for (const [index, { name, backends }] of aliases.entries()) {
    if (names.has(name)) report([index, 'name'], `a version is called ${name} already`)
    for (const [at, { version: wanted }] of backends.entries())
      if (!names.has(wanted))
        report([index, 'backends', at, 'version'], `there is no version ${wanted}`)
  }
}
