import type { Now } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { backendProblems } from '../../model/function/backend-problems.ts'
import type {
  PayloadEncryption,
  RemoteBackendSettings,
} from '../../model/function/function-placement.ts'
import { AwsCredentialChain } from './aws-credentials.ts'
import { AwsLambdaBackend } from './aws-lambda.ts'
import { AzureFunctionBackend } from './azure-function.ts'
import type { Backend } from './backend.ts'
import { CloudRunBackend } from './cloud-run.ts'
import { GoogleIdentity } from './google-identity.ts'
import { HttpBackend } from './http-backend.ts'
import { EncryptedBackend, PayloadCipher } from './payload-encryption.ts'
import type { CloudClient } from './transport/cloud-client.ts'

export interface CloudContext {
  readonly client: CloudClient
  /** Ours; what the SDKs of the clouds read of theirs. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
}

/** Makes backends; those of one region of AWS share their credentials. */
export class BackendFactory {
  readonly #context: CloudContext
  readonly #chains = new Map<string, AwsCredentialChain>()

  constructor(context: CloudContext) {
    this.#context = context
  }

  /**
   * With `encryption` it sees nothing in plain, and answers are not streamed.
   * @throws Error when the settings can't work; BackendError when the key can't be read.
   */
  async create(
    settings: RemoteBackendSettings,
    encryption: PayloadEncryption | undefined,
  ): Promise<Backend> {
    const problems = backendProblems(settings)
    if (problems.length > 0) throw new Error(`backend ${settings.name}: ${problems.join('; ')}`)
    if (encryption === undefined) return this.#plain(settings)
    const { keyFile, keyId, required } = encryption
    const cipher = await PayloadCipher.fromFile(keyFile, keyId, this.#context.wallNow)
    const inner = this.#plain({ ...settings, responseMode: 'buffered' })
    return new EncryptedBackend(inner, cipher, required)
  }

  #plain(settings: RemoteBackendSettings): Backend {
    const context = this.#context
    switch (settings.kind) {
      case 'aws-lambda':
        return new AwsLambdaBackend({
          ...settings,
          ...context,
          credentials: this.#chain(settings.region),
        })
      case 'cloud-run': {
        const audience = settings.audience ?? new URL(settings.url).origin
        const identity = new GoogleIdentity(audience, context)
        return new CloudRunBackend({ ...settings, ...context, identity })
      }
      case 'azure-function':
        return new AzureFunctionBackend({ ...settings, ...context })
      case 'http':
        return new HttpBackend({ ...settings, ...context })
    }
  }

  #chain(region: string): AwsCredentialChain {
    let chain = this.#chains.get(region)
    chain ??= new AwsCredentialChain(region, this.#context)
    this.#chains.set(region, chain)
    return chain
  }
}
