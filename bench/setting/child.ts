import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { relative } from 'node:path'
import { workPath } from './work-folder.ts'

const stopTimeoutMs = 3_000

/** A started program, leader of its own process group; what it prints lies in its log file. */
export interface Child {
  readonly name: string
  readonly pid: number
  /** What it printed; relative to the working directory. */
  readonly logFile: string
  hasEnded(): boolean
  /** Ends the whole process group: politely first, by force after 3 s. */
  stop(): Promise<void>
}

export interface ChildOptions {
  /** Names the log file, so unique among the programs that run at the same time. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Throws standard output away and logs standard error only. Default false. */
  readonly quiet?: boolean
}

const running = new Set<number>()

// The only place that runs on every way out: a return, a thrown error, Ctrl-C turned into an exit.
process.once('exit', () => {
  for (const pid of running) signalGroup(pid, 'SIGKILL')
})

export async function startChild(options: ChildOptions): Promise<Child> {
  const logFile = workPath('logs', `${options.name}.log`)
  const log = openSync(logFile, 'w')
  const spawned = spawn(options.command, options.args, {
    detached: true,
    cwd: workPath(),
    env: { ...process.env, ...options.env },
    stdio: ['ignore', options.quiet === true ? 'ignore' : log, log],
  })
  closeSync(log)
  await once(spawned, 'spawn')
  const pid = spawned.pid ?? 0
  running.add(pid)
  const ended = once(spawned, 'exit').then(() => running.delete(pid))
  return {
    name: options.name,
    pid,
    logFile: relative('', logFile),
    hasEnded: () => !running.has(pid),
    stop: async () => {
      signalGroup(pid, 'SIGTERM')
      const force = setTimeout(() => signalGroup(pid, 'SIGKILL'), stopTimeoutMs)
      await ended
      clearTimeout(force)
    },
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  if (!running.has(pid)) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The group ended between the look and the signal.
  }
}
