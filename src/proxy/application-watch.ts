import net from 'node:net'
import { monotonicNow } from '../base/clock.ts'
import { pause } from '../base/pause.ts'

export interface ApplicationWatchOptions {
  readonly host: string
  readonly ports: readonly number[]
  /** Open connections that it has to us. */
  readonly connections: () => Promise<number>
  /** Time without connections after which one that still takes some needs us no more. Default 3000. */
  readonly idleMs?: number
  /** Ends the wait. */
  readonly signal: AbortSignal
}

const pollMs = 100

/** An application that closes its ports first may have something left to say to others. */
const quietMs = 500

/**
 * Resolves when the application has gone, as far as can be seen from beside it: none of its ports takes connections,
 * and it has had none to us for {@link quietMs}. Resolves too when it goes on but calls nobody, as beside a sidecar that
 * ends alone: who stops it waits for 10 s, as `docker stop` does. Resolves early when `signal` aborts.
 */
export async function applicationGone(options: ApplicationWatchOptions): Promise<void> {
  const { host, ports, connections, idleMs = 3000, signal } = options
  let usedAt = monotonicNow()
  let seenAt = usedAt
  while (!signal.aborted) {
    const listens = await Promise.all(ports.map(port => takesConnections(host, port)))
    const now = monotonicNow()
    if ((await connections()) > 0) usedAt = seenAt = now
    else if (listens.includes(true)) seenAt = now
    if (now - seenAt >= quietMs || now - usedAt >= idleMs) return
    await pause(pollMs, signal)
  }
}

/**
 * Resolves when an application that refused a connection takes some again, on the port that it refused. Resolves early
 * when `signal` aborts.
 */
export async function applicationBack(
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && !(await takesConnections(host, port))) await pause(pollMs, signal)
}

/** One that does not answer in time is taken for one that does. */
function takesConnections(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = net.connect({ host, port })
  socket.setTimeout(1000, () => resolve(true))
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
