import { BackendError, type Header } from '../backend.ts'
import { readBody } from '../transport/bounded-body.ts'
import { isSecure } from '../../../base/secure-origin.ts'
import { Deadline } from '../transport/deadline.ts'
import {
  absent,
  failed,
  parseCredentials,
  type AwsEnvironment,
  type CredentialSource,
  type SourceOutcome,
} from './aws-source.ts'
import { readSecret } from './secret-file.ts'

const maxAnswerBytes = 64 * 1024
/** Off EC2 nobody answers at that address, and all that wait would wait for it. */
const metadataTimeoutMs = 1000
const containerTimeoutMs = 3000

/** Where ECS, and EKS Pod Identity, have their credentials: on the machine itself, so that they do without TLS. */
const containerHosts: ReadonlySet<string> = new Set([
  '169.254.170.2',
  '169.254.170.23',
  '[fd00:ec2::23]',
])

/** docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
export const containerSource: CredentialSource = {
  name: 'container credentials',
  async load(options, signal) {
    const relative = options.environment['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']
    const full = options.environment['AWS_CONTAINER_CREDENTIALS_FULL_URI']
    if (!relative && !full) return absent('AWS_CONTAINER_CREDENTIALS_FULL_URI is not set')
    const url = URL.parse(relative ? `http://169.254.170.2${relative}` : (full ?? ''))
    if (url === null) return failed('AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL')
    const known = containerHosts.has(url.hostname)
    // Over plain HTTP the token would go to whoever a variable names.
    if (!isSecure(url.origin, known)) return failed(`${url.origin}: only https is allowed there`)
    return guarded(async () => {
      const headers = await authorization(options.environment)
      const path = `${url.pathname}${url.search}`
      const request = { method: 'GET', origin: url.origin, path, headers }
      const { status, body } = await ask(options, request, {
        signal,
        timeoutMs: containerTimeoutMs,
      })
      if (status !== 200) return failed(`${url.origin} answered ${status}`)
      return outcome(body, url.origin)
    })
  },
}

async function authorization(environment: AwsEnvironment['environment']): Promise<Header[]> {
  const path = environment['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE']
  const content = path ? await readSecret(path) : undefined
  const token = content?.toString('utf8').trim() ?? environment['AWS_CONTAINER_AUTHORIZATION_TOKEN']
  return token ? [['authorization', token]] : []
}

/**
 * The role of an EC2 instance, by IMDSv2 alone: version 1 hands out credentials to any request that can be tricked
 * out of a server (docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html).
 */
export const instanceSource: CredentialSource = {
  name: 'EC2 instance metadata',
  async load(options, signal) {
    const { environment } = options
    if (environment['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true')
      return absent('AWS_EC2_METADATA_DISABLED is true')
    const origin = instanceOrigin(environment)
    if (origin === undefined) return failed('AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL')
    return fromInstance(options, origin, signal)
  },
}

const rolePath = '/latest/meta-data/iam/security-credentials/'

async function fromInstance(
  options: AwsEnvironment,
  origin: string,
  signal: AbortSignal,
): Promise<SourceOutcome> {
  const bounds = { signal, timeoutMs: metadataTimeoutMs }
  const token = await instanceToken(options, origin, signal)
  if (typeof token !== 'string') return token
  return guarded(async () => {
    const headers: Header[] = [['x-aws-ec2-metadata-token', token]]
    const get = (path: string) => ask(options, { method: 'GET', origin, path, headers }, bounds)
    const listed = await get(rolePath)
    if (listed.status === 404) return absent('no role is attached to this instance')
    const role = listed.body.toString('utf8').split('\n', 1)[0]?.trim() ?? ''
    if (listed.status !== 200 || !/^[\w+=,.@-]{1,128}$/.test(role))
      return failed(`${origin} answered ${listed.status} without the name of a role`)
    const { status, body } = await get(`${rolePath}${role}`)
    return status === 200 ? outcome(body, origin) : failed(`${origin} answered ${status}`)
  })
}

async function instanceToken(
  options: AwsEnvironment,
  origin: string,
  signal: AbortSignal,
): Promise<string | SourceOutcome> {
  const headers: Header[] = [['x-aws-ec2-metadata-token-ttl-seconds', '21600']]
  const request = { method: 'PUT', origin, path: '/latest/api/token', headers }
  try {
    const { status, body } = await ask(options, request, { signal, timeoutMs: metadataTimeoutMs })
    const token = body.toString('utf8').trim()
    if (status !== 200) return absent(`${origin} gives no token of IMDSv2: it answered ${status}`)
    return /^[\u0021-\u007e]+$/.test(token) ? token : failed(`${origin} answered without a token`)
  } catch (error) {
    if (!(error instanceof BackendError)) throw error
    return absent(
      `${error.message}; inside a container on EC2 the answer needs a hop limit of 2 (HttpPutResponseHopLimit)`,
    )
  }
}

function instanceOrigin(environment: AwsEnvironment['environment']): string | undefined {
  const endpoint = environment['AWS_EC2_METADATA_SERVICE_ENDPOINT']
  if (endpoint) return URL.parse(endpoint)?.origin
  const mode = environment['AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE']?.toLowerCase()
  return mode === 'ipv6' ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254'
}

interface Question {
  readonly method: string
  readonly origin: string
  readonly path: string
  readonly headers: readonly Header[]
}

async function ask(
  { client }: AwsEnvironment,
  question: Question,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const deadline = new Deadline(timeoutMs, signal)
  try {
    const answer = await client.send({ ...question, allowPlainHttp: true, signal: deadline.signal })
    const body = await readBody(answer.body, maxAnswerBytes, question.origin)
    return { status: answer.status, body }
  } finally {
    deadline.end()
  }
}

async function guarded(load: () => Promise<SourceOutcome>): Promise<SourceOutcome> {
  try {
    return await load()
  } catch (error) {
    if (error instanceof BackendError) return failed(error.message)
    throw error
  }
}

function outcome(body: Buffer, origin: string): SourceOutcome {
  const credentials = parseCredentials(body)
  return credentials === undefined
    ? failed(`${origin} answered without credentials`)
    : { kind: 'found', credentials }
}
