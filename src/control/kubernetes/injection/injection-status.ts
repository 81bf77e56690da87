// What the injector did to a pod stands in an annotation of it, so that it can be undone and done anew.
import { z } from 'zod'
import { pathOf, statusAnnotation } from './pod/annotations.ts'
import type { PodProblem } from './pod/pod-problem.ts'
import type { Pod } from './pod/pod.ts'

/** Of what Weft adds; nothing else is ever taken out again, whatever an annotation says. */
const ours = z.array(z.string().startsWith('weft-'))

/** Null in `before`: there was nothing. */
const injectionStatus = z.object({
  version: z.string(),
  mode: z.enum(['dns', 'transparent']),
  initContainers: ours,
  containers: ours,
  volumes: ours,
  sysctls: z.array(z.string()),
  /** Lists and objects that were not there, by their dotted paths. */
  created: z.array(z.string()),
  before: z.object({
    annotations: z.record(z.string(), z.string().nullable()),
    dns: z
      .object({
        dnsPolicy: z.string().nullable(),
        dnsConfig: z.record(z.string(), z.unknown()).nullable(),
      })
      .optional(),
    /** Handlers of probes and lifecycle hooks, by container and then by place. */
    handlers: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))),
  }),
})

export type InjectionStatus = z.infer<typeof injectionStatus>

/** Undefined: no sidecar of ours was put in. */
export function readStatus(
  pod: Pod,
): InjectionStatus | { readonly problem: PodProblem } | undefined {
  const text = pod.metadata?.annotations?.[statusAnnotation]
  if (text === undefined) return undefined
  const { data } = injectionStatus.safeParse(parseJson(text))
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const names = new Set(containers.map(({ name }) => name))
  const whole =
    data !== undefined &&
    [...data.initContainers, ...data.containers].every(name => names.has(name))
  if (whole) return data
  const message = 'does not fit this pod: take the annotation away, and what else is named "weft-"'
  return { problem: { path: pathOf(statusAnnotation), message } }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Its reader says what is wrong, as with any other text that is none of ours.
    return undefined
  }
}
