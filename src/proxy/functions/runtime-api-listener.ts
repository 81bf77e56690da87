import { monotonicNow } from '../../base/clock.ts'
import type { RuntimeEndpoint } from '../../functions/runtime/instance.ts'
import type { RuntimeSession } from '../../functions/runtime/runtime-session.ts'
import { defaultLimits, type HttpLimits } from '../../http/limits.ts'
import { createPlainListener } from '../listener/plain-listener.ts'
import { RuntimeApi } from './runtime-api.ts'

/** Of a header of the Python runtime that carries a traceback: it cuts it at 1 MiB. */
const longestHead = 2 * 1024 * 1024

/** A runtime waits for its next event as long as nobody calls, and for its function as long as that may take. */
const limits: HttpLimits = {
  ...defaultLimits,
  maxHeadBytes: longestHead,
  maxLineBytes: longestHead,
  idleTimeoutMs: Number.POSITIVE_INFINITY,
}

/** Serves the Runtime API of one instance on a loopback port: by default one that the system chooses. */
export async function openRuntimeApi(session: RuntimeSession, port = 0): Promise<RuntimeEndpoint> {
  const listener = createPlainListener({
    purpose: 'Runtime API of a function',
    address: { host: '127.0.0.1', port },
    limits,
    onRequest: new RuntimeApi(session).handle,
    // The runtime is told by the answer, and what it runs belongs to the function's owner.
    onRefused: () => {},
    now: monotonicNow,
  })
  await listener.listen()
  return { port: listener.port, close: () => listener.close() }
}
