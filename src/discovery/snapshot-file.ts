import { JsonFile } from '../base/json-file.ts'
import type { Snapshot } from '../model/snapshot.ts'

/** The last good snapshot on disk, from which a sidecar starts while the control plane is away. */
export class SnapshotFile {
  readonly #file: JsonFile<Snapshot>

  constructor(path: string) {
    this.#file = new JsonFile(path)
  }

  /**
   * Undefined when there is none or it is damaged: the control plane will send another. What it holds must be checked
   * like a pushed one, since another version of the program may have written it.
   */
  read(): Promise<Snapshot | undefined> {
    return this.#file.read().catch(() => undefined)
  }

  /** Resolves when this snapshot, or a newer one, is on disk. */
  write(snapshot: Snapshot): Promise<void> {
    return this.#file.write(snapshot)
  }
}
