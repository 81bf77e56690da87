import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../base/atomic-file.ts'
import { parseSpiffeId } from '../identity/spiffe-id.ts'

/** Whom a token lets in, and with which labels. */
export interface JoinTokenRecord {
  readonly namespace: string
  readonly name: string
  readonly serviceAccount: string
  readonly labels: Readonly<Record<string, string>>
  /** ms since 1970. */
  readonly expiresAt: number
}

const tokenBytes = 32
const namePattern = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/

/**
 * Makes a token that admits one workload once. Any process with access to the state directory may call it, while the
 * control plane runs or before. Only a hash is stored: who reads the folder cannot join.
 * @throws RangeError when a name cannot stand in an identity.
 */
export async function createJoinToken(
  stateDirectory: string,
  record: JoinTokenRecord,
): Promise<string> {
  const { namespace, name, serviceAccount } = record
  if (parseSpiffeId(`spiffe://any/ns/${namespace}/sa/${serviceAccount}`) === undefined)
    throw new RangeError(
      `namespace ${JSON.stringify(namespace)} and service account ${JSON.stringify(serviceAccount)} can't make an identity: use letters, digits and ".-_"`,
    )
  if (!namePattern.test(name))
    throw new RangeError(`${JSON.stringify(name)} is not the name of a workload`)
  const token = randomBytes(tokenBytes).toString('base64url')
  await mkdir(tokenDirectory(stateDirectory), { recursive: true, mode: 0o700 })
  await writeFileAtomically(tokenPath(stateDirectory, token), JSON.stringify(record))
  return token
}

/**
 * Uses a token up. Of any number of concurrent calls one gets the record: removing a file succeeds once.
 * Undefined for a token that is unknown, used or expired; the caller learns not which.
 */
export async function redeemJoinToken(
  stateDirectory: string,
  token: string,
  now: number,
): Promise<JoinTokenRecord | undefined> {
  const path = tokenPath(stateDirectory, token)
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as JoinTokenRecord
    await unlink(path)
    return now < record.expiresAt ? record : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Tokens that no one came with would lie around forever. */
export async function removeExpiredTokens(stateDirectory: string, now: number): Promise<void> {
  const directory = tokenDirectory(stateDirectory)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const file of await readdir(directory)) {
    const path = join(directory, file)
    if ((await readExpiry(path)) <= now) await rm(path, { force: true })
  }
}

async function readExpiry(path: string): Promise<number> {
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as JoinTokenRecord).expiresAt
  } catch {
    // Used meanwhile, or unreadable: redeeming it will tell.
    return Number.POSITIVE_INFINITY
  }
}

function tokenDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'tokens')
}

/** Looking up by hash compares nothing in a time that depends on a stored secret. */
function tokenPath(stateDirectory: string, token: string): string {
  const hash = createHash('sha256').update(token).digest('hex')
  return join(tokenDirectory(stateDirectory), `${hash}.json`)
}
