import {
  absent,
  credentialsOf,
  failed,
  parseObject,
  parseTime,
  type AwsCredentials,
  type AwsEnvironment,
  type CredentialSource,
  type SourceOutcome,
} from './aws-source.ts'
import { BackendError } from '../backend.ts'
import { readBody } from '../transport/bounded-body.ts'
import { readSecret } from './secret-file.ts'

const maxAnswerBytes = 64 * 1024

/** The DNS name of a service of AWS; China has a domain of its own. */
export function awsHost(service: string, region: string): string {
  return `${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
}

/**
 * A token that a cluster or a CI service has put into a file, exchanged for a role's credentials
 * (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html). That request is not signed.
 */
export function webIdentitySource(region: string): CredentialSource {
  return {
    name: 'web identity token',
    async load(options, signal) {
      const { environment } = options
      const path = environment['AWS_WEB_IDENTITY_TOKEN_FILE']
      const role = environment['AWS_ROLE_ARN']
      if (!path) return absent('AWS_WEB_IDENTITY_TOKEN_FILE is not set')
      if (!role) return failed('AWS_ROLE_ARN must be set with AWS_WEB_IDENTITY_TOKEN_FILE')
      try {
        return await assumeRole({ path, role, region }, options, signal)
      } catch (error) {
        if (error instanceof BackendError) return failed(error.message)
        throw error
      }
    },
  }
}

interface Role {
  readonly path: string
  readonly role: string
  readonly region: string
}

async function assumeRole(
  { path, role, region }: Role,
  { client, environment, wallNow }: AwsEnvironment,
  signal: AbortSignal,
): Promise<SourceOutcome> {
  const token = await readSecret(path)
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: environment['AWS_ROLE_SESSION_NAME'] || `weft-${wallNow()}`,
    WebIdentityToken: token.toString('utf8').trim(),
  })
  const origin = environment['AWS_ENDPOINT_URL_STS'] || `https://${awsHost('sts', region)}`
  const answer = await client.send({
    method: 'POST',
    origin: new URL(origin).origin,
    path: '/',
    headers: [
      ['content-type', 'application/x-www-form-urlencoded'],
      ['accept', 'application/json'],
    ],
    body: Buffer.from(form.toString()),
    signal,
  })
  const body = await readBody(answer.body, maxAnswerBytes, origin)
  if (answer.status !== 200)
    return failed(`${origin} answered ${answer.status} ${errorCode(body)}`.trimEnd())
  const credentials = stsCredentials(body)
  return credentials === undefined
    ? failed(`${origin} answered without credentials`)
    : { kind: 'found', credentials }
}

/** STS answers in JSON when asked to, and in XML where something on the way forgot. */
function stsCredentials(body: Buffer): AwsCredentials | undefined {
  const json = parseObject(body)
  if (json === undefined) return fromXml(body.toString('utf8'))
  const response = asObject(json['AssumeRoleWithWebIdentityResponse'])
  const result = asObject(response?.['AssumeRoleWithWebIdentityResult'])
  const fields = asObject(result?.['Credentials'])
  if (fields === undefined) return undefined
  const { Expiration: expiration } = fields
  // Seconds in JSON, a date in XML.
  const expiresAt = typeof expiration === 'number' ? expiration * 1000 : parseTime(expiration)
  return credentialsOf(fields, expiresAt)
}

function fromXml(text: string): AwsCredentials | undefined {
  const part = /<Credentials>([^]*?)<\/Credentials>/.exec(text)?.[1] ?? ''
  const names = ['AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration']
  const fields = Object.fromEntries(names.map(name => [name, xmlText(part, name)]))
  return credentialsOf(fields, parseTime(fields['Expiration']))
}

function xmlText(text: string, name: string): string | undefined {
  return new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(text)?.[1]
}

/** Such as `AccessDenied`; nothing else of the answer is worth trusting. */
function errorCode(body: Buffer): string {
  return (
    /"Code":\s*"(\w{1,64})"|<Code>(\w{1,64})<\/Code>/
      .exec(body.toString('utf8'))
      ?.slice(1)
      .join('') ?? ''
  )
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)
    : undefined
}
