import { randomInt } from 'node:crypto'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

const main = resolve(import.meta.dirname, '../../src/main.ts')

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A running `weft` command. Disposing of it kills it, with all that it started. */
export class WeftProcess implements AsyncDisposable {
  readonly exited: Promise<Exit>
  /** All lines so far, of output and errors. */
  readonly lines: string[] = []
  readonly #child: ChildProcess
  readonly #watchers = new Set<() => void>()
  #closed = false

  constructor(command: readonly string[], directory: string) {
    const child = spawn(process.execPath, [main, ...command], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', line => {
        this.lines.push(line)
        this.#notify()
      })
    // A test file that times out disposes of nothing.
    const end = (): boolean => child.kill()
    process.once('exit', end)
    this.exited = once(child, 'close').then(([code, signal]) => {
      process.off('exit', end)
      this.#closed = true
      this.#notify()
      return { code, signal } as Exit
    })
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get output(): string {
    return this.lines.join('\n')
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** The first line that matches, printed already or yet to come. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (let read = 0; ; read++) {
      while (read >= this.lines.length) {
        if (this.#closed) throw new Error(`ended without printing ${pattern}:\n${this.output}`)
        await new Promise<void>(resolve => this.#watchers.add(resolve))
      }
      const match = pattern.exec(this.lines[read] ?? '')
      if (match !== null) return match
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    // It starts nothing more while what it started is counted.
    this.#child.kill('SIGSTOP')
    const family = [...descendantsOf(this.pid), this.pid]
    for (const pid of family) kill(pid)
    await this.exited
    while (runningOf(family).length > 0) await delay(10)
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher()
    this.#watchers.clear()
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/** Below what systems hand out for port 0 and for outgoing connections, so that no other test takes one meanwhile. */
const firstPort = 16_000
const portCount = 16_000

/** Ports that nobody has, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = []
  while (servers.length < count) {
    const server = createServer().listen(firstPort + randomInt(portCount), '127.0.0.1')
    await once(server, 'listening').then(
      () => servers.push(server),
      () => {},
    )
  }
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

interface ProcessRow {
  readonly pid: number
  readonly parent: number
}

/** All processes but zombies, from /proc: `ps` is not everywhere. */
function processes(): ProcessRow[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => readProcess(Number(pid)) ?? [])
}

/** Undefined when it has ended meanwhile. */
function readProcess(pid: number): ProcessRow | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command stands in brackets and may hold anything.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : { pid, parent: Number(parent) }
  } catch {
    return undefined
  }
}

/** Children, their children, and so on. */
export function descendantsOf(pid: number): number[] {
  const all = processes()
  const below = (parent: number): number[] =>
    all.filter(row => row.parent === parent).flatMap(row => [row.pid, ...below(row.pid)])
  return below(pid)
}

/** Processes on whose command line `text` stands. */
export function runningWith(text: string): number[] {
  return processes()
    .map(({ pid }) => pid)
    .filter(pid => readCommandLine(pid).includes(text))
}

function readCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}

export function runningOf(pids: readonly number[]): number[] {
  const running = new Set(processes().map(({ pid }) => pid))
  return pids.filter(pid => running.has(pid))
}
