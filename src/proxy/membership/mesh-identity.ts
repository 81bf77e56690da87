import { readFile } from 'node:fs/promises'
import { wallNow } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { RefusedError, requestIdentity } from '../../discovery/certificate-request.ts'
import type { Signed } from '../../discovery/message.ts'
import type { SubscriptionClient } from '../../discovery/subscription-client.ts'
import { readIdentity, writeIdentity, type Identity } from '../../identity/identity.ts'
import { KeyRequest } from '../../identity/key-request.ts'
import { formatSpiffeId } from '../../identity/spiffe-id.ts'
import { anonymousTlsOptions } from '../../identity/tls-options.ts'
import type { ProxyBootstrap } from '../../model/bootstrap.ts'
import { connectControlPlane } from './control-connection.ts'

export interface JoinOptions {
  readonly logger: Logger
  readonly random: Random
  readonly signal: AbortSignal
}

/**
 * The identity that lies in the state directory, or the first one, in exchange for the join token. Waits for a
 * control plane that is not there yet.
 * @throws Error that says what to do when there is neither a valid certificate nor a token that is taken.
 */
export async function joinMesh(bootstrap: ProxyBootstrap, options: JoinOptions): Promise<Identity> {
  const { stateDirectory } = bootstrap
  const stored = await readIdentity(stateDirectory, wallNow())
  const uri = uriOf(bootstrap)
  if (stored?.uri === uri) return stored
  const request = await KeyRequest.create()
  const { chain, bundle } = await redeemToken(bootstrap, request, options)
  const identity = request.complete(chain, bundle)
  if (identity.uri !== uri)
    throw new Error(`the join token is for ${identity.uri}, this workload is ${uri}`)
  await writeIdentity(stateDirectory, identity)
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

async function redeemToken(
  bootstrap: ProxyBootstrap,
  request: KeyRequest,
  { logger, random, signal }: JoinOptions,
): Promise<Signed> {
  const { controlPlane, joinTokenFile, stateDirectory, trustBundleFile, workload } = bootstrap
  const remedy = `make one with \`weft token create ${workload.name}\` on the control plane`
  if (joinTokenFile === undefined)
    throw new Error(`no valid certificate in ${stateDirectory}, and no join token: ${remedy}`)
  const token = (await readFile(joinTokenFile, 'utf8')).trim()
  const tls = anonymousTlsOptions(await readFile(trustBundleFile, 'utf8'))
  try {
    return await requestIdentity({
      connect: () => connectControlPlane(controlPlane, tls),
      token,
      request,
      random,
      signal,
      onFailure: error => logger.warn({ error }, 'no certificate from the control plane yet'),
    })
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    throw new Error(`${joinTokenFile}: ${error.message}; ${remedy}`, { cause: error })
  }
}

function uriOf({ controlPlane, workload }: ProxyBootstrap): string {
  const { namespace, serviceAccount } = workload
  return formatSpiffeId({ trustDomain: controlPlane.trustDomain, namespace, serviceAccount })
}
