import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicNow } from '../base/clock.ts'

export interface ApplicationWatchOptions {
  readonly host: string
  readonly ports: readonly number[]
  /** Open connections that it has to us. */
  readonly connections: () => Promise<number>
  /** Ends the wait. */
  readonly signal: AbortSignal
}

const pollMs = 100

/** An application that closes its ports first may have something left to say to others. */
const quietMs = 500

/**
 * Resolves when the application has gone, as far as can be seen from beside it: none of its ports takes connections,
 * and it has had none to us for {@link quietMs}. Resolves early when `signal` aborts.
 */
export async function applicationGone(options: ApplicationWatchOptions): Promise<void> {
  const { host, ports, connections, signal } = options
  let quietSince = monotonicNow()
  while (!signal.aborted) {
    const listens = await Promise.all(ports.map(port => takesConnections(host, port)))
    if (listens.includes(true) || (await connections()) > 0) quietSince = monotonicNow()
    else if (monotonicNow() - quietSince >= quietMs) return
    // Rejects when the signal aborts, which the loop sees.
    await delay(pollMs, undefined, { signal }).catch(() => {})
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
  while (!signal.aborted && !(await takesConnections(host, port)))
    await delay(pollMs, undefined, { signal }).catch(() => {})
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
