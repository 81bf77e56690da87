import { BackendError } from './backend.ts'
import type { AwsCredentials, AwsEnvironment, CredentialSource } from './credentials/aws-source.ts'
import { containerSource, instanceSource } from './credentials/aws-metadata.ts'
import { environmentSource, profileSource } from './credentials/aws-static.ts'
import { webIdentitySource } from './credentials/aws-web-identity.ts'
import { Refreshing } from './credentials/refreshing.ts'

/**
 * Credentials of AWS for all backends of one region: environment → shared credentials file → web identity token →
 * container → EC2 instance metadata, as the AWS SDKs look for them. A source that is set up and fails ends the search,
 * so that a broken role is never replaced by that of the machine.
 */
export class AwsCredentialChain {
  readonly #credentials: Refreshing<AwsCredentials>

  /** `region`: whose STS is asked. */
  constructor(region: string, environment: AwsEnvironment) {
    const sources = [
      environmentSource,
      profileSource,
      webIdentitySource(region),
      containerSource,
      instanceSource,
    ]
    this.#credentials = new Refreshing({
      wallNow: environment.wallNow,
      load: signal => search(sources, environment, signal),
    })
  }

  /** @throws BackendError `credentials` that says what every source that was tried has come to. */
  get(signal: AbortSignal): Promise<AwsCredentials> {
    return this.#credentials.get(signal)
  }

  /** AWS has refused them: the next call looks for others. */
  invalidate(credentials: AwsCredentials): void {
    this.#credentials.invalidate(credentials)
  }
}

async function search(
  sources: readonly CredentialSource[],
  environment: AwsEnvironment,
  signal: AbortSignal,
): Promise<AwsCredentials> {
  const tried: string[] = []
  for (const source of sources) {
    const outcome = await source.load(environment, signal)
    const usable = outcome.kind === 'found' && outcome.credentials.expiresAt > environment.wallNow()
    if (outcome.kind === 'found' && usable) return outcome.credentials
    const reason = outcome.kind === 'found' ? 'what it gives has expired' : outcome.reason
    tried.push(`${source.name}: ${reason}`)
    if (outcome.kind !== 'absent') break
  }
  throw new BackendError('credentials', `no credentials of AWS; ${tried.join('; ')}`, {
    unsent: true,
  })
}
