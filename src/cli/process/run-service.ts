import type { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../base/log.ts'
import { TerminationListener, type Termination } from './termination.ts'

/** What a process runs until it is told to end. */
export interface Service {
  /** Finishes what is in flight; bounds itself. */
  drain(): Promise<void>
  /** Ends at once. */
  close(): Promise<void>
}

export interface RunOptions {
  readonly logger: Logger
  /** Where signals and uncaught errors come from. Default `process`. */
  readonly source?: EventEmitter
  /** Time for requests in flight after a crash, when nothing can be trusted for long. Default 1000. */
  readonly crashDrainMs?: number
}

/**
 * Runs until SIGTERM or SIGINT, drains and returns 0. A second signal cuts the drain short and returns 1, as does
 * an uncaught error and a failed start. A signal during the start ends it at once: nothing is served yet.
 */
export async function runService(
  start: () => Promise<Service>,
  options: RunOptions,
): Promise<number> {
  const { logger, source, crashDrainMs = 1000 } = options
  using termination = new TerminationListener(source)

  let service: Service | undefined
  try {
    service = await Promise.race([start(), termination.first.then(() => undefined)])
  } catch (error) {
    logger.error({ error }, 'could not start')
    return 1
  }
  const cause = await termination.first
  logCrash(cause, logger)
  if (service === undefined) return cause.kind === 'signal' ? 0 : 1

  logger.info({}, 'draining')
  const impatience = [
    termination.second.then(again => {
      logCrash(again, logger)
      return 'cut short'
    }),
  ]
  if (cause.kind === 'crash') impatience.push(delay(crashDrainMs, 'cut short'))
  const outcome = await Promise.race([service.drain(), ...impatience])
  if (outcome === undefined && cause.kind === 'signal') return 0
  await service.close()
  return 1
}

function logCrash(termination: Termination, logger: Logger): void {
  if (termination.kind === 'crash') logger.error({ error: termination.error }, 'uncaught error')
}
