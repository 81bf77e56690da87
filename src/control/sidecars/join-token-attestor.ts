import type { Now } from '../../base/clock.ts'
import { redeemJoinToken } from '../join-token.ts'
import {
  AttestationError,
  type AttestedWorkload,
  type Attestor,
  type Evidence,
} from './attestor.ts'

/** What `createJoinToken` makes: 32 bytes, base64url. */
const pattern = /^[A-Za-z0-9_-]{43}$/

/** Takes join tokens, each once. */
export class JoinTokenAttestor implements Attestor {
  readonly takes = 'a join token (`weft token create`)'
  readonly #stateDirectory: string
  readonly #now: Now

  /** @param now ms since 1970. */
  constructor(stateDirectory: string, now: Now) {
    this.#stateDirectory = stateDirectory
    this.#now = now
  }

  async attest({ token }: Evidence): Promise<AttestedWorkload | undefined> {
    if (token === undefined || !pattern.test(token)) return undefined
    const record = await redeemJoinToken(this.#stateDirectory, token, this.#now())
    if (record === undefined)
      throw new AttestationError('the join token is unknown, used or expired', 'bad_token')
    const { namespace, name, serviceAccount, labels } = record
    return { namespace, name, serviceAccount, labels }
  }
}
