import { importPKCS8, decodeJwt, SignJWT } from 'jose'
import type { Now } from '../../base/clock.ts'
import { BackendError } from './backend.ts'
import { parseObject } from './credentials/aws-source.ts'
import { Refreshing } from './credentials/refreshing.ts'
import { SecretText } from './credentials/secret-text.ts'
import { readSecret } from './credentials/secret-file.ts'
import { readBody } from './transport/bounded-body.ts'
import type { CloudClient } from './transport/cloud-client.ts'

export interface GoogleEnvironment {
  readonly client: CloudClient
  /** Variables as Google's libraries name them. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly wallNow: Now
}

const maxAnswerBytes = 64 * 1024
const defaultMetadataHost = 'metadata.google.internal'
const tokenUrl = 'https://oauth2.googleapis.com/token'
/** Of the assertion that is exchanged; Google takes one hour at most. */
const assertionSeconds = 600

/**
 * ID tokens of Google for one audience, which has to be the URL of the service to the letter
 * (cloud.google.com/run/docs/authenticating/service-to-service). From the key file that
 * `GOOGLE_APPLICATION_CREDENTIALS` names, or else from the metadata server of the machine.
 */
export class GoogleIdentity {
  readonly #token: Refreshing<SecretText>

  constructor(audience: string, environment: GoogleEnvironment) {
    this.#token = new Refreshing({
      wallNow: environment.wallNow,
      load: signal => {
        const keyFile = environment.environment['GOOGLE_APPLICATION_CREDENTIALS']
        return keyFile
          ? fromKeyFile(keyFile, audience, { ...environment, signal })
          : fromMetadata(audience, { ...environment, signal })
      },
    })
  }

  /** @throws BackendError `credentials` when there is no valid one. */
  get(signal: AbortSignal): Promise<SecretText> {
    return this.#token.get(signal)
  }

  /** The service has refused it. */
  invalidate(token: SecretText): void {
    this.#token.invalidate(token)
  }
}

interface Load extends GoogleEnvironment {
  readonly signal: AbortSignal
}

/** cloud.google.com/compute/docs/instances/verifying-instance-identity */
async function fromMetadata(audience: string, load: Load): Promise<SecretText> {
  const host = load.environment['GCE_METADATA_HOST'] || defaultMetadataHost
  const origin = URL.parse(`http://${host}`)?.origin
  if (origin === undefined) throw refused('GCE_METADATA_HOST is no host')
  const query = new URLSearchParams({ audience, format: 'full' })
  const { status, body, headers } = await exchange(load, {
    method: 'GET',
    origin,
    path: `/computeMetadata/v1/instance/service-accounts/default/identity?${query.toString()}`,
    headers: [['metadata-flavor', 'Google']],
    // On the machine itself; there is no TLS.
    allowPlainHttp: true,
  })
  const genuine = headers.some(([name, value]) => name === 'metadata-flavor' && value === 'Google')
  if (status !== 200 || !genuine) throw refused(`${origin} answered ${status} without a token`)
  return checked(body.toString('utf8').trim(), audience, load)
}

/** A JWT of the account's own, exchanged for one of Google's (RFC 7523). */
async function fromKeyFile(path: string, audience: string, load: Load): Promise<SecretText> {
  const account = await readAccount(path)
  const assertion = await signAssertion(account, audience, load.wallNow())
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion,
  })
  const url = new URL(account.tokenUri)
  const { status, body } = await exchange(load, {
    method: 'POST',
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    headers: [['content-type', 'application/x-www-form-urlencoded']],
    body: Buffer.from(form.toString()),
  })
  const fields = parseObject(body)
  const token = fields?.['id_token']
  if (status === 200 && typeof token === 'string') return checked(token, audience, load)
  const error = fields?.['error']
  const why = typeof error === 'string' && /^\w{1,64}$/.test(error) ? `: ${error}` : ''
  throw refused(`${url.origin} answered ${status} without an id_token${why}`)
}

interface Account {
  readonly path: string
  readonly email: string
  readonly privateKey: string
  readonly keyId: string | undefined
  readonly tokenUri: string
}

async function readAccount(path: string): Promise<Account> {
  const fields = parseObject(await readSecret(path))
  const { type, client_email: email, private_key: privateKey, private_key_id: keyId } = fields ?? {}
  const tokenUri = fields?.['token_uri'] ?? tokenUrl
  if (type !== 'service_account' || typeof email !== 'string' || typeof privateKey !== 'string')
    throw refused(`${path}: must be the key of a service account, in JSON`)
  if (typeof tokenUri !== 'string' || URL.parse(tokenUri) === null)
    throw refused(`${path}: its token_uri is no URL`)
  return {
    path,
    email,
    privateKey,
    keyId: typeof keyId === 'string' ? keyId : undefined,
    tokenUri,
  }
}

async function signAssertion(account: Account, audience: string, time: number): Promise<string> {
  const { path, email, privateKey, keyId, tokenUri } = account
  const seconds = Math.floor(time / 1000)
  try {
    const key = await importPKCS8(privateKey, 'RS256')
    return await new SignJWT({ target_audience: audience })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })
      .setIssuer(email)
      .setSubject(email)
      .setAudience(tokenUri)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + assertionSeconds)
      .sign(key)
  } catch {
    // What went wrong may quote the key.
    throw refused(`${path}: its private_key can't be used`)
  }
}

/** Google's signature is for the service to verify; a token for somebody else must not leave. */
function checked(token: string, audience: string, { wallNow }: Load): SecretText {
  const { aud, exp } = claimsOf(token)
  if (aud !== audience) throw refused('the ID token is for another audience')
  if (exp === undefined || exp * 1000 <= wallNow()) throw refused('the ID token has expired')
  return new SecretText(token, exp * 1000)
}

function claimsOf(token: string): ReturnType<typeof decodeJwt> {
  try {
    return decodeJwt(token)
  } catch {
    throw refused('what was given as an ID token is none')
  }
}

async function exchange(
  { client, signal }: Load,
  request: Omit<Parameters<CloudClient['send']>[0], 'signal'>,
): Promise<{
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}> {
  try {
    const { status, headers, body } = await client.send({ ...request, signal })
    return { status, headers, body: await readBody(body, maxAnswerBytes, request.origin) }
  } catch (error) {
    if (error instanceof BackendError) throw refused(error.message)
    throw error
  }
}

function refused(message: string): BackendError {
  return new BackendError('credentials', `no ID token of Google: ${message}`, { unsent: true })
}
