import { constants } from 'node:fs'
import { access, mkdir, readFile } from 'node:fs/promises'
import type tls from 'node:tls'
import { wallNow } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { RefusedError, requestIdentity } from '../../discovery/certificate-request.ts'
import type { Signed } from '../../discovery/message.ts'
import type { SubscriptionClient } from '../../discovery/subscription-client.ts'
import { readIdentity, writeIdentity, type Identity } from '../../identity/identity.ts'
import { forgetPendingKey, KeyRequest } from '../../identity/key-request.ts'
import { formatSpiffeId } from '../../identity/spiffe-id.ts'
import { anonymousTlsOptions } from '../../identity/tls-options.ts'
import type { ProxyBootstrap } from '../../model/bootstrap.ts'
import { connectControlPlane } from './control-connection.ts'
import { proofOf, type Proof } from './proof.ts'

export interface JoinOptions {
  readonly logger: Logger
  readonly random: Random
  readonly signal: AbortSignal
}

/**
 * The identity that lies in the state directory, or the first one, in exchange for what proves who we are. Waits for a
 * control plane that is not there yet.
 * @throws Error that says what to do when there is neither a valid certificate nor a proof that is taken.
 */
export async function joinMesh(bootstrap: ProxyBootstrap, options: JoinOptions): Promise<Identity> {
  const { stateDirectory } = bootstrap
  const stored = await readIdentity(stateDirectory, wallNow())
  const uri = uriOf(bootstrap)
  if (stored?.uri === uri) return stored
  const proof = proofOf(bootstrap)
  // Before a token is used up for a certificate that can't be kept.
  await makeWritable(stateDirectory)
  const request = await KeyRequest.pending(stateDirectory)
  const { chain, bundle } = await redeem(proof, request, { ...options, bootstrap })
  const identity = request.complete(chain, bundle)
  if (identity.uri !== uri)
    throw new Error(`${proof.what} is for ${identity.uri}, this workload is ${uri}`)
  await writeIdentity(stateDirectory, identity)
  await forgetPendingKey(stateDirectory)
  return identity
}

/** The next certificate, with a new key, over the live stream. */
export async function renewIdentity(
  client: SubscriptionClient,
  stateDirectory: string,
): Promise<Identity> {
  const request = await KeyRequest.create()
  const { chain, bundle } = await client.renew(request)
  const identity = request.complete(chain, bundle)
  await writeIdentity(stateDirectory, identity)
  return identity
}

async function makeWritable(stateDirectory: string): Promise<void> {
  try {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 })
    await access(stateDirectory, constants.W_OK)
  } catch (error) {
    const reason = (error as Error).message
    const remedy = 'mount a volume there that belongs to the user of this process'
    throw new Error(`nothing can be written to the state directory: ${reason}; ${remedy}`, {
      cause: error,
    })
  }
}

interface RedeemOptions extends JoinOptions {
  readonly bootstrap: ProxyBootstrap
}

async function redeem(
  { token, what, remedy }: Proof,
  request: KeyRequest,
  { bootstrap, logger, random, signal }: RedeemOptions,
): Promise<Signed> {
  const { controlPlane, trustBundleFile } = bootstrap
  try {
    return await requestIdentity({
      connect: async () => connectControlPlane(controlPlane, await readTrust(trustBundleFile)),
      ...(token !== undefined && { token }),
      request,
      random,
      signal,
      onFailure: error => logger.warn({ error }, 'no certificate from the control plane yet'),
    })
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    throw new Error(`${what} is not taken: ${error.message}; ${remedy}`, { cause: error })
  }
}

/**
 * For each attempt anew: the control plane, or its cluster, writes the file, perhaps later than we start, and replaces
 * it with the CA.
 */
async function readTrust(file: string): Promise<tls.ConnectionOptions> {
  try {
    return anonymousTlsOptions(await readFile(file, 'utf8'))
  } catch (error) {
    throw new Error(`no trust bundle in ${file}`, { cause: error })
  }
}

function uriOf({ controlPlane, workload }: ProxyBootstrap): string {
  const { namespace, serviceAccount } = workload
  return formatSpiffeId({ trustDomain: controlPlane.trustDomain, namespace, serviceAccount })
}
