import { z } from 'zod'
import { parseDuration } from '../../../../base/duration.ts'
import { nearest } from '../../../../model/parsing/nearest.ts'
import type { PodProblem } from './pod-problem.ts'
import type { Pod } from './pod.ts'
import { quantity } from './quantity.ts'

export const annotationPrefix = 'weft.dev/'
/** Written by the injector (injection-status.ts). */
export const statusAnnotation = `${annotationPrefix}status`

/** The sidecar takes no more (src/cli/process/sidecar-variables.ts). */
const maxDurationMs = 3_600_000

/** A duration that is passed on as it stands. */
export const positiveDurationText = z.string().refine(text => {
  const ms = parseDuration(text) ?? 0
  return ms > 0 && ms <= maxDurationMs
}, 'must be a duration such as 30s or 1m30s, at most 1h')

const onOff = z
  .enum(
    ['true', 'enabled', 'false', 'disabled'],
    'must be "true", "enabled", "false" or "disabled"',
  )
  .transform(text => text === 'true' || text === 'enabled')
const trueFalse = z
  .enum(['true', 'false'], 'must be "true" or "false"')
  .transform(text => text === 'true')

/** More than an application has, and few enough for a command line. */
const maxPorts = 100

const ports = z.string().transform((text, context): number[] => {
  const list = text.split(',').map(part => part.trim())
  const bad = list.find(
    part => !/^\d{1,5}$/.test(part) || Number(part) < 1 || Number(part) > 65_535,
  )
  if (bad === undefined && list.length <= maxPorts) return list.map(Number)
  context.addIssue({
    code: 'custom',
    message: `must be at most ${maxPorts} ports separated by commas, such as 25,5432; ${JSON.stringify(bad ?? list.length)} is wrong`,
  })
  return z.NEVER
})

const upstreamPattern = /^[a-z0-9-]+(?:\.[a-z0-9-]+)?(?::\d{1,5})?=\d{1,5}$/

const upstreams = z
  .string()
  .refine(
    text => text.split(',').every(part => upstreamPattern.test(part)),
    'must be <service>=<local port>, separated by commas, such as orders=4101,payments.shop:80=4102',
  )

/** By the part of the name after `weft.dev/`. */
const known = {
  inject: onOff,
  mode: z.enum(['dns', 'transparent'], 'must be "dns" or "transparent"'),
  'skip-inbound-ports': ports,
  'skip-outbound-ports': ports,
  'proxy-cpu-request': quantity,
  'proxy-cpu-limit': quantity,
  'proxy-memory-request': quantity,
  'proxy-memory-limit': quantity,
  'log-level': z.enum(['debug', 'info', 'warn', 'error'], 'must be debug, info, warn or error'),
  'access-log': z.enum(['all', 'errors', 'off'], 'must be all, errors or off'),
  'proxy-image': z.string().regex(/^\S+$/, 'must be the name of an image'),
  upstreams,
  'rewrite-probes': trueFalse,
  'drain-timeout': positiveDurationText,
  'native-sidecar': trueFalse,
} as const

const schema = z.object(known).partial()
export type PodAnnotations = z.infer<typeof schema>

/** Names that are ours on a pod, but not for people to set. */
const others: ReadonlySet<string> = new Set([statusAnnotation])

/** What the annotations of a pod ask for, or all that is wrong with them. */
export function readAnnotations({ metadata }: Pod): {
  readonly annotations: PodAnnotations
  readonly problems: readonly PodProblem[]
} {
  const written = metadata?.annotations ?? {}
  const values: Record<string, string> = {}
  const problems: PodProblem[] = []
  for (const [name, value] of Object.entries(written)) {
    if (!name.startsWith(annotationPrefix) || others.has(name)) continue
    const short = name.slice(annotationPrefix.length)
    if (Object.hasOwn(known, short)) values[short] = value
    else problems.push({ path: pathOf(name), message: unknown(short) })
  }
  const { data: annotations = {}, error } = schema.safeParse(values)
  for (const { path, message } of error?.issues ?? [])
    problems.push({ path: pathOf(`${annotationPrefix}${String(path[0])}`), message })
  return { annotations, problems: [...problems, ...contradictions(annotations, metadata?.labels)] }
}

function contradictions(
  annotations: PodAnnotations,
  labels: Readonly<Record<string, string>> | null | undefined,
): readonly PodProblem[] {
  const text = labels?.[`${annotationPrefix}inject`]
  if (text === undefined) return []
  const path = ['metadata', 'labels', `${annotationPrefix}inject`]
  const { data: label, error } = onOff.safeParse(text)
  if (error) return error.issues.map(({ message }) => ({ path, message }))
  const { inject } = annotations
  if (inject === undefined || inject === label) return []
  return [{ path, message: 'the label says the opposite of the annotation: keep one of them' }]
}

/** Whether the pod itself says yes or no; undefined: neither, or nothing that can be understood. */
export function wishOf({ metadata }: Pod): boolean | undefined {
  const name = `${annotationPrefix}inject`
  const text = metadata?.annotations?.[name] ?? metadata?.labels?.[name]
  return onOff.safeParse(text).data
}

function unknown(short: string): string {
  const near = nearest(short, Object.keys(known))
  const hint =
    near === undefined
      ? `known: ${Object.keys(known).join(', ')}`
      : `did you mean "${annotationPrefix}${near}"?`
  return `unknown annotation; ${hint}`
}

export function pathOf(annotation: string): readonly PropertyKey[] {
  return ['metadata', 'annotations', annotation]
}
