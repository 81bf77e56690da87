import tls from 'node:tls'
import { verifyClientPeer } from '../../identity/peer.ts'
import { formatSpiffeId } from '../../identity/spiffe-id.ts'
import type { ControlPlaneAddress } from '../../model/bootstrap.ts'
import { established } from '../upstream/connect.ts'

const connectTimeoutMs = 5000

/**
 * Opens a stream to the control plane, and makes sure that it is the control plane.
 * @throws ExchangeError `identity_mismatch` when another workload of the mesh answers there, or why none does.
 */
export async function connectControlPlane(
  { host, port, trustDomain }: ControlPlaneAddress,
  options: tls.ConnectionOptions,
): Promise<tls.TLSSocket> {
  const socket = tls.connect({ ...options, host, port })
  await established(socket, 'secureConnect', `control plane ${host}:${port}`, connectTimeoutMs)
  const mismatch = verifyClientPeer(socket, controlPlaneIdentity(trustDomain))
  if (mismatch === undefined) return socket
  socket.destroy()
  throw mismatch
}

function controlPlaneIdentity(trustDomain: string): string {
  return formatSpiffeId({
    trustDomain,
    namespace: 'weft-system',
    serviceAccount: 'weft-control',
  })
}
