// The entry of a thread that runs one of several data planes.
import { parentPort, workerData } from 'node:worker_threads'
import type { Logger, LogLevel } from '../../base/log.ts'
import { systemRandom } from '../../base/random.ts'
import { createIdentity } from '../../identity/identity.ts'
import { IdentityHolder } from '../../identity/identity-holder.ts'
import type { FromPlane, PlaneStart, ToPlane } from './plane-message.ts'
import { SinglePlane } from './single-plane.ts'

if (parentPort === null) throw new Error('a data plane thread needs the sidecar that starts it')
const port = parentPort
const start = workerData as PlaneStart

function tell(message: FromPlane): void {
  port.postMessage(message)
}

function logAt(level: LogLevel): Logger['info'] {
  // Errors of our own classes would arrive without their code.
  return (fields, message) =>
    tell({ kind: 'log', level, fields: JSON.parse(JSON.stringify(fields)), message })
}

const logger: Logger = {
  debug: logAt('debug'),
  info: logAt('info'),
  warn: logAt('warn'),
  error: logAt('error'),
}

let lines: string[] = []

/** A message for each line would cost more than the line. */
function writeAccessLog(line: string): void {
  if (lines.push(line) > 1) return
  setImmediate(() => {
    tell({ kind: 'access', lines })
    lines = []
  })
}

const identity = new IdentityHolder(createIdentity(start.identity))

async function answer(plane: SinglePlane, message: ToPlane): Promise<void> {
  if (message.kind === 'identity') return identity.replace(createIdentity(message.identity))
  if (message.kind === 'activation') return plane.activation(message.event)
  tell({ kind: 'answer', id: message.id, value: await valueOf(plane, message) })
}

function valueOf(
  plane: SinglePlane,
  message: Exclude<ToPlane, { readonly kind: 'identity' | 'activation' }>,
): Promise<unknown> {
  switch (message.kind) {
    case 'apply':
      return plane.apply(message.snapshot)
    case 'breaker':
      return plane.setBreaker(message.cluster, message.setting)
    case 'ask':
      return plane[message.question]()
  }
}

try {
  const plane = await SinglePlane.start(start.bootstrap, {
    identity,
    logger,
    writeAccessLog,
    // Memory is the whole process's, and its trim is left to the main thread.
    memory: { resident: () => 0, trim: () => {} },
    random: systemRandom,
    sharesPorts: true,
    onRefusedByApplication: refused => tell({ kind: 'refused', port: refused }),
    activate: (name, waiting) => tell({ kind: 'activate', name, waiting }),
  })
  plane.activation(start.link)
  if (start.snapshot !== undefined) await plane.apply(start.snapshot)
  port.on('message', (message: ToPlane) => void answer(plane, message))
  tell({ kind: 'listening', ports: plane.ports })
} catch (error) {
  tell({ kind: 'failed', message: (error as Error).message })
}
