import { isDeepStrictEqual } from 'node:util'
import { objectKey, type FakeObject, type Matches } from './fake-objects.ts'

interface Change {
  readonly version: number
  readonly collection: string
  readonly before: FakeObject | undefined
  readonly after: FakeObject | undefined
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: FakeObject
}

export interface StorePage {
  readonly items: readonly FakeObject[]
  readonly version: number
  readonly next: string | undefined
  readonly remaining: number
}

/** What etcd is for the API server: objects, one version for all of them, and the changes since the last compaction. */
export class FakeStore {
  version = 100
  /** Changes up to here are forgotten, and so are lists that were begun by then. */
  compactedAt = 0
  readonly #objects = new Map<string, Map<string, FakeObject>>()
  #changes: Change[] = []
  readonly #lists = new Map<number, { version: number; items: readonly FakeObject[] }>()
  #lastList = 0
  readonly #watchers = new Set<(change: Change) => void>()

  all(collection: string): readonly FakeObject[] {
    return [...(this.#objects.get(collection)?.values() ?? [])].toSorted((one, other) =>
      objectKey(one) < objectKey(other) ? -1 : 1,
    )
  }

  get(collection: string, key: string): FakeObject | undefined {
    return this.#objects.get(collection)?.get(key)
  }

  /** With a version of its own, unless nothing changes. */
  put(collection: string, object: FakeObject): FakeObject {
    const key = objectKey(object)
    const before = this.get(collection, key)
    const version = this.version + 1
    const at = (resourceVersion: string | undefined): FakeObject =>
      clean({
        ...object,
        metadata: {
          ...object.metadata,
          uid: before?.metadata.uid ?? `uid-${version}`,
          creationTimestamp: before?.metadata['creationTimestamp'] ?? '2026-01-01T00:00:00Z',
          generation: generationOf(before, object),
          resourceVersion,
        },
      })
    if (before !== undefined && isDeepStrictEqual(at(before.metadata.resourceVersion), before))
      return before
    this.version = version
    const after = at(String(version))
    const objects = this.#objects.get(collection) ?? new Map<string, FakeObject>()
    this.#objects.set(collection, objects.set(key, after))
    this.#tell({ version, collection, before, after })
    return after
  }

  delete(collection: string, key: string): FakeObject | undefined {
    const before = this.get(collection, key)
    if (before === undefined) return undefined
    this.#objects.get(collection)?.delete(key)
    this.#tell({ version: ++this.version, collection, before, after: undefined })
    return before
  }

  compact(): void {
    this.compactedAt = this.version
    this.#changes = []
    this.#lists.clear()
  }

  /** Undefined: the list that `next` goes on with was begun before the last compaction. */
  page(collection: string, matches: Matches, limit: number, next?: string): StorePage | undefined {
    const [id = ++this.#lastList, start = 0] = next?.split('-').map(Number) ?? []
    if (next === undefined) {
      const items = this.all(collection).filter(matches)
      this.#lists.set(id, { version: this.version, items })
    }
    const list = this.#lists.get(id)
    if (list === undefined) return undefined
    const end = Math.min(list.items.length, start + limit)
    const remaining = list.items.length - end
    return {
      items: list.items.slice(start, end),
      version: list.version,
      next: remaining > 0 ? `${id}-${end}` : undefined,
      remaining,
    }
  }

  /** Changes after `version`, those that are known and those to come; a version of the future says nothing till then. */
  watch(
    collection: string,
    matches: Matches,
    version: number,
    onEvent: (event: WatchEvent) => void,
  ): () => void {
    const watcher = (change: Change): void => {
      const event = change.collection === collection ? eventOf(change, matches) : undefined
      if (event !== undefined && change.version > version) onEvent(event)
    }
    this.#changes.forEach(watcher)
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /** To be given to `restore`. */
  save(): FakeBackup {
    const objects = [...this.#objects].map(([name, all]) => [name, new Map(all)] as const)
    return { version: this.version, objects: new Map(objects) }
  }

  /** As etcd is set back: also its versions. Nobody is told. */
  restore({ version, objects }: FakeBackup): void {
    this.version = version
    this.#changes = []
    this.compactedAt = Math.min(this.compactedAt, version)
    this.#lists.clear()
    this.#objects.clear()
    for (const [name, all] of objects) this.#objects.set(name, new Map(all))
  }

  #tell(change: Change): void {
    this.#changes.push(change)
    for (const watcher of this.#watchers) watcher(change)
  }
}

export interface FakeBackup {
  readonly version: number
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, FakeObject>>
}

/** An object that begins or ceases to match comes and goes. */
function eventOf({ version, before, after }: Change, matches: Matches): WatchEvent | undefined {
  const was = before !== undefined && matches(before)
  const is = after !== undefined && matches(after)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: after }
  if (!was) return undefined
  const metadata = { ...before.metadata, resourceVersion: String(version) }
  return { type: 'DELETED', object: { ...before, metadata } }
}

function generationOf(before: FakeObject | undefined, object: FakeObject): number {
  const { generation = 1 } = before?.metadata ?? {}
  return before === undefined || isDeepStrictEqual(before.spec, clean(object).spec)
    ? generation
    : generation + 1
}

/** As it comes from JSON. */
function clean(object: FakeObject): FakeObject {
  return JSON.parse(JSON.stringify(object)) as FakeObject
}
