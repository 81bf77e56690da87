import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { latestVersion, type FunctionSpec } from '../../model/function/function.ts'

/** What an instance's environment takes from ours: enough to find programs, and nothing that may be a secret. */
const inherited = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'] as const

export interface EnvironmentOptions {
  readonly spec: FunctionSpec
  /** Of the Runtime API of this instance, or where it is to serve HTTP; on loopback. */
  readonly port: number
  /** Where the function calls others by the Invoke API: its sidecar. */
  readonly invokeUrl: string
  readonly region: string
  /** Unique among the instances of this sidecar. */
  readonly instance: number
  /** Ours. */
  readonly own: Readonly<Record<string, string | undefined>>
}

/**
 * The variables that AWS Lambda promises to runtimes and handlers
 * (docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), or Cloud Run to servers of HTTP, and those of the
 * configuration, which may replace all but the ones by which the runtime finds us. The credentials are of no account:
 * SDKs sign with them, and the sidecar puts its certificate in their place.
 * @throws Error naming a secret's file that can't be read.
 */
export async function functionEnvironment({
  spec,
  port,
  invokeUrl,
  region,
  instance,
  own,
}: EnvironmentOptions): Promise<Record<string, string>> {
  const secrets = await Promise.all(
    Object.entries(spec.secretFiles).map(async ([key, file]) => [key, await readSecret(file)]),
  )
  return {
    ...inheritedVariables(own),
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'mesh',
    AWS_SECRET_ACCESS_KEY: 'mesh',
    AWS_ENDPOINT_URL_LAMBDA: invokeUrl,
    ...spec.environment,
    ...Object.fromEntries(secrets),
    ...(spec.protocol === 'http'
      ? serverVariables(spec, port)
      : runtimeVariables(spec, port, instance)),
  }
}

function runtimeVariables(
  { name, version, handler, directory, memoryMib, concurrency }: FunctionSpec,
  port: number,
  instance: number,
): Record<string, string> {
  return {
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    _HANDLER: handler,
    // Runtimes look for code from here, wherever they stand.
    LAMBDA_TASK_ROOT: resolve(directory),
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMib),
    AWS_LAMBDA_LOG_GROUP_NAME: `/weft/functions/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `${name}/[${version}]${instance}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    ...(concurrency > 1 && { AWS_LAMBDA_MAX_CONCURRENCY: String(concurrency) }),
  }
}

/** What Cloud Run and Knative promise to containers, and functions-framework reads. */
function serverVariables(
  { name, version, handler }: FunctionSpec,
  port: number,
): Record<string, string> {
  return {
    PORT: String(port),
    K_SERVICE: name,
    K_REVISION: `${name}-${version === latestVersion ? 'latest' : version}`,
    ...(handler !== '' && { FUNCTION_TARGET: handler }),
  }
}

export function inheritedVariables(own: EnvironmentOptions['own']): Record<string, string> {
  return Object.fromEntries(
    inherited.flatMap(key => (own[key] === undefined ? [] : [[key, own[key]]])),
  )
}

/** Without the line end that editors put behind it. */
async function readSecret(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
}
