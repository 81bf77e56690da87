import { wallNow } from '../base/clock.ts'
import { createJoinToken } from '../control/join-token.ts'
import { CommandError, usageErrorCode } from './command-error.ts'

export interface TokenOptions {
  /** Of the control plane. */
  readonly stateDirectory: string
  readonly namespace: string
  /** Default: the workload's name. */
  readonly serviceAccount?: string
  readonly labels: Readonly<Record<string, string>>
  readonly lifeMs: number
}

/**
 * `weft token create`: prints the token alone, for a file or a secret.
 * @throws CommandError for a name that cannot stand in an identity.
 */
export async function createToken(workload: string, options: TokenOptions): Promise<number> {
  const { stateDirectory, namespace, serviceAccount = workload, labels, lifeMs } = options
  const token = await createJoinToken(stateDirectory, {
    namespace,
    name: workload,
    serviceAccount,
    labels,
    expiresAt: wallNow() + lifeMs,
  }).catch((error: unknown) => {
    throw error instanceof RangeError ? new CommandError(error.message, usageErrorCode) : error
  })
  console.log(token)
  return 0
}
