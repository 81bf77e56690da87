import { readFile } from 'node:fs/promises'
import {
  absent,
  AwsCredentials,
  failed,
  type AwsEnvironment,
  type CredentialSource,
  type SourceOutcome,
} from './aws-source.ts'

/** `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, of temporary ones, `AWS_SESSION_TOKEN`. */
export const environmentSource: CredentialSource = {
  name: 'environment variables',
  async load({ environment }) {
    const accessKeyId = environment['AWS_ACCESS_KEY_ID']
    const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY']
    if (!accessKeyId && !secretAccessKey) return absent('AWS_ACCESS_KEY_ID is not set')
    if (!accessKeyId || !secretAccessKey)
      return failed('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must both be set')
    const sessionToken = environment['AWS_SESSION_TOKEN'] || undefined
    return found({
      accessKeyId,
      secretAccessKey,
      sessionToken,
      expiresAt: Number.POSITIVE_INFINITY,
    })
  },
}

const maxFileBytes = 1024 * 1024
/** The file is read again 5 minutes before, so that keys that were changed are found. */
const fileKeptMs = 900_000

/**
 * The shared credentials file (docs.aws.amazon.com/sdkref/latest/guide/file-format.html): `AWS_PROFILE` of
 * `AWS_SHARED_CREDENTIALS_FILE`, or of `~/.aws/credentials`.
 */
export const profileSource: CredentialSource = {
  name: 'shared credentials file',
  async load(options) {
    const { environment } = options
    const chosen = environment['AWS_PROFILE'] || undefined
    const path = credentialsPath(environment)
    if (path === undefined) return absent('neither HOME nor AWS_SHARED_CREDENTIALS_FILE is set')
    // Who names a profile means it: nothing else may stand in for it.
    const missing = chosen === undefined ? absent : failed
    const text = await readText(path)
    if (typeof text !== 'string') return missing(`${path}: ${text.reason}`)
    const name = chosen ?? 'default'
    const profile = parseProfiles(text).get(name)
    if (profile === undefined) return missing(`${path} has no profile ${name}`)
    return fromProfile(profile, `${path}: profile ${name}`, options)
  },
}

type Profile = ReadonlyMap<string, string>

function fromProfile(profile: Profile, where: string, { wallNow }: AwsEnvironment): SourceOutcome {
  const accessKeyId = profile.get('aws_access_key_id')
  const secretAccessKey = profile.get('aws_secret_access_key')
  if (!accessKeyId || !secretAccessKey)
    return failed(
      `${where} has no aws_access_key_id with its aws_secret_access_key; role_arn, sso and credential_process are not read`,
    )
  const sessionToken = profile.get('aws_session_token') || undefined
  return found({ accessKeyId, secretAccessKey, sessionToken, expiresAt: wallNow() + fileKeptMs })
}

function found(fields: ConstructorParameters<typeof AwsCredentials>[0]): SourceOutcome {
  return { kind: 'found', credentials: new AwsCredentials(fields) }
}

function credentialsPath(environment: AwsEnvironment['environment']): string | undefined {
  const path = environment['AWS_SHARED_CREDENTIALS_FILE']
  if (path) return path
  const home = environment['HOME']
  return home ? `${home}/.aws/credentials` : undefined
}

async function readText(path: string): Promise<string | { readonly reason: string }> {
  try {
    const content = await readFile(path)
    if (content.length > maxFileBytes) return { reason: `is over ${maxFileBytes} bytes` }
    return content.toString('utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { reason: code === 'ENOENT' ? 'there is no such file' : `cannot be read: ${code}` }
  }
}

/** Profiles by name. Lines that are neither a head nor `key = value` say nothing here. */
function parseProfiles(text: string): ReadonlyMap<string, Profile> {
  const profiles = new Map<string, Map<string, string>>()
  let current: Map<string, string> | undefined
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*[#;]/.test(line)) continue
    const name = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line)?.[1]
    if (name !== undefined) {
      current = profiles.get(name) ?? new Map<string, string>()
      profiles.set(name, current)
      continue
    }
    const at = line.indexOf('=')
    if (at > 0) current?.set(line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim())
  }
  return profiles
}
