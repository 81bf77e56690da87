import type { Now } from '../../../base/clock.ts'
import type { SigningCredentials } from '../sigv4.ts'
import type { CloudClient } from '../transport/cloud-client.ts'
import type { Expiring } from './refreshing.ts'

interface CredentialFields {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  /** Wall clock, ms. */
  readonly expiresAt: number
}

/** Credentials of AWS. Their secrets are in no property that a log or `JSON.stringify` would print. */
export class AwsCredentials implements SigningCredentials, Expiring {
  readonly accessKeyId: string
  readonly expiresAt: number
  readonly #secretAccessKey: string
  readonly #sessionToken: string | undefined

  constructor(fields: CredentialFields) {
    this.accessKeyId = fields.accessKeyId
    this.expiresAt = fields.expiresAt
    this.#secretAccessKey = fields.secretAccessKey
    this.#sessionToken = fields.sessionToken
  }

  get secretAccessKey(): string {
    return this.#secretAccessKey
  }

  get sessionToken(): string | undefined {
    return this.#sessionToken
  }
}

/** What sources look at. */
export interface AwsEnvironment {
  readonly client: CloudClient
  /** Variables as the AWS SDKs name them. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly wallNow: Now
}

/**
 * What a source came to. `absent`: it is not set up here, the next may be. `failed`: it is set up and does not work,
 * and no other identity may stand in for it.
 */
export type SourceOutcome =
  | { readonly kind: 'found'; readonly credentials: AwsCredentials }
  | { readonly kind: 'absent' | 'failed'; readonly reason: string }

export interface CredentialSource {
  readonly name: string
  load(environment: AwsEnvironment, signal: AbortSignal): Promise<SourceOutcome>
}

export function absent(reason: string): SourceOutcome {
  return { kind: 'absent', reason }
}

export function failed(reason: string): SourceOutcome {
  return { kind: 'failed', reason }
}

/**
 * Credentials as the container and metadata endpoints give them. Undefined when something is missing. Errors of
 * `JSON.parse` quote their text, so they go no further.
 */
export function parseCredentials(document: Buffer): AwsCredentials | undefined {
  const fields = parseObject(document)
  return fields === undefined ? undefined : credentialsOf(fields, parseTime(fields['Expiration']))
}

/** `SessionToken` is what STS calls the `Token` of the others. `expiresAt`: NaN is refused. */
export function credentialsOf(
  fields: Readonly<Record<string, unknown>>,
  expiresAt: number,
): AwsCredentials | undefined {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = fields
  const sessionToken = fields['SessionToken'] ?? fields['Token']
  if (!isToken(accessKeyId) || !isToken(secretAccessKey) || !isToken(sessionToken)) return undefined
  if (Number.isNaN(expiresAt)) return undefined
  return new AwsCredentials({ accessKeyId, secretAccessKey, sessionToken, expiresAt })
}

/** ISO 8601 → wall clock, ms; NaN for anything else. */
export function parseTime(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN
}

/** Undefined for anything but a JSON object. */
export function parseObject(document: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(document.toString('utf8'))
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** What may stand in a header. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\u0021-\u007e]{1,8192}$/.test(value)
}
