import type { HeaderList } from '../../http/headers.ts'
import { attemptHeader, targetPortHeader } from '../mesh-headers.ts'
import type { ActiveEndpoint } from '../upstream/active-endpoint.ts'
import { setDeadline } from './deadline.ts'
import type { Exchange } from './exchange.ts'

/** What the next hop is told of the try that begins now: which port it is for, what time is left, whether it is a repetition. */
export function setTryHeaders(
  headers: HeaderList,
  exchange: Exchange,
  { endpoint, targetPorts }: ActiveEndpoint,
  now: number,
): void {
  const { attempts, upperAttempt, upstreamProtocol, deadlineAt, isGrpc } = exchange
  const inMesh = endpoint.mesh !== undefined
  if (inMesh) headers.set(targetPortHeader, targetPorts[upstreamProtocol])
  if (deadlineAt !== Number.POSITIVE_INFINITY)
    setDeadline(headers, deadlineAt - now, { isGrpc, inMesh })
  const attempt = Math.max(attempts, upperAttempt)
  if (attempt > 1) headers.set(attemptHeader, String(attempt))
}
