import type { Now } from '../../base/clock.ts'
import { JsonFile } from '../../base/json-file.ts'
import { parseSpiffeId } from '../../identity/spiffe-id.ts'
import type { AttestedWorkload, Attestor } from './attestor.ts'
import { workloadKey, type WorkloadName } from './workload-key.ts'

/** A workload that was let into the mesh, and as what. The sidecar's own word changes none of it. */
export interface Admission extends WorkloadName {
  readonly serviceAccount: string
  /** SPIFFE ID of its certificates. */
  readonly identity: string
  readonly labels: Readonly<Record<string, string>>
  /** ms since 1970: the end of its newest certificate, after which it must join again. */
  readonly expiresAt: number
  /** Its attestor knows it as long as it is there; absent: it is remembered here. */
  readonly recalled?: true
}

/** From an admission to its attestor's own knowledge of it: a watch of a cluster is seldom a second behind. */
const recallGraceMs = 60_000

/**
 * Who may be whom. What join tokens admitted is kept on disk, for certificates outlive the control plane's process;
 * of others their attestors know whether they are still there.
 */
export class Admissions {
  readonly #file: JsonFile<readonly Admission[]>
  readonly #byWorkload: Map<string, Admission>
  readonly #now: Now
  readonly #attestors: readonly Attestor[]

  private constructor(
    file: JsonFile<readonly Admission[]>,
    admissions: readonly Admission[],
    { now, attestors }: { readonly now: Now; readonly attestors: readonly Attestor[] },
  ) {
    this.#file = file
    this.#byWorkload = new Map(admissions.map(admission => [workloadKey(admission), admission]))
    this.#now = now
    this.#attestors = attestors
  }

  /** @param attestors those that may recall who is not remembered here. */
  static async open(
    path: string,
    now: Now,
    attestors: readonly Attestor[] = [],
  ): Promise<Admissions> {
    const file = new JsonFile<readonly Admission[]>(path)
    return new Admissions(file, (await file.read()) ?? [], { now, attestors })
  }

  /** Undefined also when the workload was admitted as someone else. @param identity that it has proven. */
  find(workload: WorkloadName, identity: string): Admission | undefined {
    const admission = this.#byWorkload.get(workloadKey(workload))
    const isOver = admission?.recalled === true && admission.expiresAt <= this.#now()
    if (admission?.identity === identity && !isOver) return admission
    return this.#recall(workload, identity)
  }

  /** Admits, or extends an admission. Resolves when it is on disk. */
  async admit(admission: Admission): Promise<void> {
    const now = this.#now()
    for (const [key, { expiresAt }] of this.#byWorkload)
      if (expiresAt <= now) this.#byWorkload.delete(key)
    this.#byWorkload.set(workloadKey(admission), admission)
    await this.#file.write([...this.#byWorkload.values()].filter(({ recalled }) => !recalled))
  }

  /** Admits until the attestor that says so has certainly heard of it: then that one's word counts, and none here. */
  admitBriefly(admission: Admission): void {
    const expiresAt = Math.min(admission.expiresAt, this.#now() + recallGraceMs)
    this.#byWorkload.set(workloadKey(admission), { ...admission, expiresAt, recalled: true })
  }

  #recall(workload: WorkloadName, identity: string): Admission | undefined {
    for (const attestor of this.#attestors) {
      const known = attestor.recall?.(workload)
      if (known !== undefined && isIdentityOf(known, identity))
        return { ...known, identity, expiresAt: this.#now(), recalled: true }
    }
    return undefined
  }
}

/** That it is of our trust domain, the stream has proven. */
function isIdentityOf({ namespace, serviceAccount }: AttestedWorkload, identity: string): boolean {
  const id = parseSpiffeId(identity)
  return id?.namespace === namespace && id.serviceAccount === serviceAccount
}
