import type { Now } from '../../base/clock.ts'
import { JsonFile } from '../../base/json-file.ts'
import { workloadKey, type WorkloadName } from './workload-key.ts'

/** A workload that was let into the mesh, and as what. The sidecar's own word changes none of it. */
export interface Admission extends WorkloadName {
  readonly serviceAccount: string
  /** SPIFFE ID of its certificates. */
  readonly identity: string
  readonly labels: Readonly<Record<string, string>>
  /** ms since 1970: the end of its newest certificate, after which it must join again. */
  readonly expiresAt: number
}

/** Who may be whom: kept on disk, for certificates outlive the control plane's process. */
export class Admissions {
  readonly #file: JsonFile<readonly Admission[]>
  readonly #byWorkload: Map<string, Admission>
  readonly #now: Now

  private constructor(
    file: JsonFile<readonly Admission[]>,
    admissions: readonly Admission[],
    now: Now,
  ) {
    this.#file = file
    this.#byWorkload = new Map(admissions.map(admission => [workloadKey(admission), admission]))
    this.#now = now
  }

  static async open(path: string, now: Now): Promise<Admissions> {
    const file = new JsonFile<readonly Admission[]>(path)
    return new Admissions(file, (await file.read()) ?? [], now)
  }

  /** Undefined also when the workload was admitted as someone else. */
  find(workload: WorkloadName, identity: string): Admission | undefined {
    const admission = this.#byWorkload.get(workloadKey(workload))
    return admission?.identity === identity ? admission : undefined
  }

  /** Admits, or extends an admission. Resolves when it is on disk. */
  async admit(admission: Admission): Promise<void> {
    for (const [key, { expiresAt }] of this.#byWorkload)
      if (expiresAt <= this.#now()) this.#byWorkload.delete(key)
    this.#byWorkload.set(workloadKey(admission), admission)
    await this.#file.write([...this.#byWorkload.values()])
  }
}
