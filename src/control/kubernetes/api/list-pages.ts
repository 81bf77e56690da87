import { answerTooLarge, KubernetesError, type KubernetesApi } from './kubernetes-api.ts'
import { isKubernetesObject, type KubernetesObject } from './kubernetes-object.ts'

export interface ListRequest {
  readonly api: Pick<KubernetesApi, 'request'>
  readonly path: string
  readonly what: string
  /** Of labels and fields. */
  readonly selectors: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export interface ListPage {
  readonly items: readonly KubernetesObject[]
  /** Of the whole list: all pages show the collection as it was at one time. */
  readonly version: string
  /** Those without a name or a version, which are left out. */
  readonly malformed: number
}

/** As client-go's. */
const pageLimit = 500
const maxPageBytes = 32 * 1024 * 1024
/** Half a million objects. A server that goes on and on is none of ours. */
const maxPages = 1000

/**
 * A whole collection, page by page (Kubernetes API concepts, "Retrieving large results sets in chunks"). A page that is
 * too large is asked for again with half as many. @throws KubernetesError, with status 410 when it took too long
 */
export async function* listPages(request: ListRequest): AsyncGenerator<ListPage, void> {
  let limit = pageLimit
  let next: string | undefined
  for (let pages = 0; pages < maxPages; pages++) {
    try {
      const answer = await askForPage(request, limit, next)
      yield pageOf(answer)
      next = answer.metadata.continue
      if (next === undefined || next === '') return
    } catch (error) {
      if (!isTooLarge(error) || limit === 1) throw error
      limit = Math.ceil(limit / 2)
    }
  }
  throw new KubernetesError(`the list of ${request.what} has no end after ${maxPages} pages`)
}

/** At which version the server is. */
export async function currentVersion(request: ListRequest): Promise<string> {
  return (await askForPage(request, 1)).metadata.resourceVersion
}

interface ListAnswer {
  readonly apiVersion?: unknown
  readonly kind?: unknown
  /** Go writes an empty list as null. */
  readonly items?: readonly unknown[] | null
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
}

async function askForPage(
  { api, path, what, selectors, signal }: ListRequest,
  limit: number,
  next?: string,
): Promise<ListAnswer> {
  const query = new URLSearchParams({ ...selectors, limit: String(limit) })
  if (next !== undefined) query.set('continue', next)
  const answer = await api.request({
    method: 'GET',
    path: `${path}?${query.toString()}`,
    what,
    maxBytes: maxPageBytes,
    signal,
  })
  if (isList(answer)) return answer
  throw new KubernetesError(`the API server sent something else than a list of ${what}`)
}

function isList(value: unknown): value is ListAnswer {
  const { metadata, items } = (value ?? {}) as { metadata?: unknown; items?: unknown }
  const { resourceVersion } = (metadata ?? {}) as { resourceVersion?: unknown }
  const whole = Array.isArray(items) || items === null || items === undefined
  return typeof resourceVersion === 'string' && resourceVersion !== '' && whole
}

function pageOf({ apiVersion, kind, items, metadata }: ListAnswer): ListPage {
  // Items do not say of what kind they are, while the objects of a watch do.
  const type =
    typeof apiVersion === 'string' && typeof kind === 'string' && kind.endsWith('List')
      ? { apiVersion, kind: kind.slice(0, -'List'.length) }
      : {}
  const all = items ?? []
  const whole = all.filter(isKubernetesObject).map(item => ({ ...type, ...item }))
  const malformed = all.length - whole.length
  return { items: whole, version: metadata.resourceVersion, malformed }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof KubernetesError && error.reason === answerTooLarge
}
