import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Now } from '../../base/clock.ts'
import { createJoinToken, removeExpiredTokens, type JoinTokenRecord } from '../join-token.ts'

/** What a new sidecar needs to be let in. */
export interface Admittance {
  readonly token: string
  /** PEM. */
  readonly trustBundle: string
  readonly trustDomain: string
}

/** Makes the papers of hosts that the control plane starts itself. */
export class HostAdmission {
  readonly #stateDirectory: string
  readonly #trustDomain: string
  readonly #now: Now

  /** @param now wall clock. */
  constructor(
    { stateDirectory, trustDomain }: { stateDirectory: string; trustDomain: string },
    now: Now,
  ) {
    this.#stateDirectory = stateDirectory
    this.#trustDomain = trustDomain
    this.#now = now
  }

  async admit(record: Omit<JoinTokenRecord, 'expiresAt'>): Promise<Admittance> {
    const at = this.#now()
    // Hosts that never came would leave one each.
    await removeExpiredTokens(this.#stateDirectory, at)
    const token = await createJoinToken(this.#stateDirectory, { ...record, expiresAt: at + lifeMs })
    const trustBundle = await readFile(join(this.#stateDirectory, 'trust-bundle.pem'), 'utf8')
    return { token, trustBundle, trustDomain: this.#trustDomain }
  }
}

/** Somewhat more than a start may take. */
const lifeMs = 120_000
