import { setTimeout as delay } from 'node:timers/promises'
import type { Now } from '../../base/clock.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { CommandError } from '../command-error.ts'
import { explainFailure } from '../fetch-failure.ts'
import type { SupervisedProcess } from './supervised-process.ts'

const pollMs = 50
const pollTimeoutMs = 1000
/** A child that has died so often will not become ready by waiting. */
const hopelessFailures = 3

type WatchedProcess = Pick<SupervisedProcess, 'spec' | 'failures' | 'recentOutput'>

/** Resolves when `path` answers 200; gives up at `deadline`, telling what the child said last. */
export async function waitUntilReady(
  child: WatchedProcess,
  probe: SocketAddress & { readonly path: string },
  until: { readonly deadline: number; readonly now: Now },
): Promise<void> {
  const url = `http://${probe.host}:${probe.port}${probe.path}`
  let answer = 'nothing'
  while (until.now() < until.deadline && child.failures < hopelessFailures) {
    answer = await ask(url)
    if (answer === '200') return
    await delay(pollMs)
  }
  const last = child.recentOutput.map(line => `  | ${line}`).join('\n')
  throw new CommandError(
    `${child.spec.name} did not become ready: ${url} answered ${answer}. Its last lines:\n${last}`,
  )
}

/** The status, or why there is none. */
async function ask(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(pollTimeoutMs) })
    await response.body?.cancel()
    return String(response.status)
  } catch (error) {
    return explainFailure(error)
  }
}
