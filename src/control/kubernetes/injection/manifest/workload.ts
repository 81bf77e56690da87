import type { InjectionContext } from '../injection.ts'
import { annotationPrefix } from '../pod/annotations.ts'
import type { PodProblem } from '../pod/pod-problem.ts'

/** A pod template within a document. */
export interface Workload {
  /** `deployment/orders`, as people say it. */
  readonly name: string
  readonly kind: string
  /** Where the document says so. */
  readonly namespace: string | undefined
  /** Of the object with `metadata` and `spec` of the pods. */
  readonly path: readonly PropertyKey[]
  readonly template: unknown
  /** Annotations of the workload itself, which say nothing about its pods. Empty for a Pod. */
  readonly annotations: readonly string[]
  /** Of the workload itself. */
  readonly root: readonly PropertyKey[]
}

const template = ['spec', 'template']

/** Where each kind keeps its pod template. */
const kinds: ReadonlyMap<string, { readonly group: RegExp; readonly path: readonly string[] }> =
  new Map([
    ['Pod', { group: /^v1$/, path: [] }],
    ['ReplicationController', { group: /^v1$/, path: template }],
    // Before apps/v1 they were in extensions.
    ['Deployment', { group: /^(apps|extensions)\//, path: template }],
    ['DaemonSet', { group: /^(apps|extensions)\//, path: template }],
    ['ReplicaSet', { group: /^(apps|extensions)\//, path: template }],
    ['StatefulSet', { group: /^apps\//, path: template }],
    ['Job', { group: /^batch\//, path: template }],
    ['CronJob', { group: /^batch\//, path: ['spec', 'jobTemplate', 'spec', 'template'] }],
  ])

/** Lists hold lists only by mistake; an attack would nest them without end. */
const maxListDepth = 4

type Fields = Readonly<Record<string, unknown>>

/** All workloads of a document, also those in a List. */
export function findWorkloads(
  document: unknown,
  root: readonly PropertyKey[] = [],
): readonly Workload[] {
  if (!isObject(document)) return []
  const { kind, apiVersion, items } = document
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') return []
  if (kind.endsWith('List') && Array.isArray(items))
    return root.length / 2 >= maxListDepth
      ? []
      : items.flatMap((item, index) => findWorkloads(item, [...root, 'items', index]))
  const place = kinds.get(kind)
  if (place === undefined || !place.group.test(apiVersion)) return []
  const path = [...root, ...place.path]
  return [{ ...describe(document, kind), kind, root, path, template: at(document, place.path) }]
}

function describe(
  { metadata }: Fields,
  kind: string,
): Pick<Workload, 'name' | 'namespace' | 'annotations'> {
  const { name, generateName, namespace, annotations } = isObject(metadata) ? metadata : {}
  const called = [name, generateName].find(text => typeof text === 'string') ?? '?'
  return {
    name: `${kind.toLowerCase()}/${called}`,
    namespace: typeof namespace === 'string' ? namespace : undefined,
    annotations: kind !== 'Pod' && isObject(annotations) ? Object.keys(annotations) : [],
  }
}

/** For `injectPod`. */
export function contextOf(
  { namespace, kind }: Workload,
  context: InjectionContext,
): InjectionContext {
  return { ...context, namespace: namespace ?? context.namespace, workloadKind: kind }
}

/** Ours on the workload itself, where nobody looks: people mean its pods. */
export function strayAnnotations({ annotations, path, root }: Workload): readonly PodProblem[] {
  const place = [...path.slice(root.length), 'metadata', 'annotations'].join('.')
  return annotations
    .filter(name => name.startsWith(annotationPrefix))
    .map(name => ({ path: [], message: `${name} has no effect where it is: move it to ${place}` }))
}

function at(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const key of path) found = isObject(found) ? found[key] : undefined
  return found
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
