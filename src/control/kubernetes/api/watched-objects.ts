import { isDeepStrictEqual } from 'node:util'
import { keyOf, type KubernetesObject } from './kubernetes-object.ts'

export interface WatchedObjectsOptions<T> {
  /** What is kept of an object; undefined leaves it out. */
  select(object: KubernetesObject): T | undefined
  /** `select` threw, so that the object is left out. */
  onRefused(key: string, error: unknown): void
}

/** What is kept of the objects of a collection. Objects of which this did not change stay the same. */
export class WatchedObjects<T> {
  readonly kept = new Map<string, T>()
  readonly #options: WatchedObjectsOptions<T>

  constructor(options: WatchedObjectsOptions<T>) {
    this.#options = options
  }

  /** Undefined: it is left out. */
  select(object: KubernetesObject): T | undefined {
    try {
      return this.#options.select(object)
    } catch (error) {
      this.#options.onRefused(keyOf(object), error)
      return undefined
    }
  }

  /** Whether that is a change. `undefined` removes. */
  put(key: string, selected: T | undefined): boolean {
    if (selected === undefined) return this.kept.delete(key)
    // Not by version: a store that was set back gives old versions to new content.
    if (isDeepStrictEqual(this.kept.get(key), selected)) return false
    this.kept.set(key, selected)
    return true
  }

  /** Puts all of `objects`, and removes what is not among them, at once. Whether anything changed. */
  replaceBy(objects: ReadonlyMap<string, T>): boolean {
    let changed = false
    for (const key of this.kept.keys())
      if (!objects.has(key)) changed = this.kept.delete(key) || changed
    for (const [key, selected] of objects) changed = this.put(key, selected) || changed
    return changed
  }
}
