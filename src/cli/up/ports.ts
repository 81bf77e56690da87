import { once } from 'node:events'
import { createServer } from 'node:net'
import type { SocketAddress } from '../../model/bootstrap.ts'

/** A port that something of ours will listen on. */
export interface PortClaim extends SocketAddress {
  /** `mesh port of storefront's sidecar`. */
  readonly purpose: string
  /** How to move it: `spec.sidecar.inboundPort of Workload storefront`. */
  readonly setting: string
}

/** One sentence for each port that cannot be had, or that two parts want. */
export async function findPortProblems(claims: readonly PortClaim[]): Promise<string[]> {
  const problems: string[] = []
  const claimed = new Map<string, PortClaim>()
  for (const claim of claims) {
    const address = `${claim.host}:${claim.port}`
    const other = claimed.get(address)
    claimed.set(address, claim)
    const trouble =
      other === undefined ? await tryListen(claim) : `is wanted as the ${other.purpose} too`
    if (trouble !== undefined)
      problems.push(
        `port ${claim.port} (${claim.purpose}) ${trouble}; to move it, set ${claim.setting}`,
      )
  }
  return problems
}

async function tryListen({ host, port }: SocketAddress): Promise<string | undefined> {
  const server = createServer()
  server.listen({ host, port, exclusive: true })
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used: ${message}`
  }
  server.close()
  await once(server, 'close')
  return undefined
}
