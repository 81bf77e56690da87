import type { LoadResult } from '../model/configuration.ts'

/** Where configuration comes from, and by which it is followed as it changes. */
export interface ConfigurationSource {
  /**
   * Rejects only where nothing can be said at all (the first list of a cluster that does not answer); what is wrong
   * with single documents is in the result.
   */
  load(): Promise<LoadResult>
  /** Calls back after each change, one call at a time, with the whole again. Resolves when it watches. */
  watch(onChange: (result: LoadResult) => void): Promise<void>
  close(): void
}
