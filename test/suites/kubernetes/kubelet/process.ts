import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const script = resolve(import.meta.dirname, 'container.sh')
const checkout = resolve(import.meta.dirname, '../../../..')

export interface Mount {
  /** On the node. */
  readonly source: string
  /** In the container. */
  readonly target: string
  readonly readOnly: boolean
}

export interface ProcessOptions {
  readonly hostname: string
  /** Of the network namespace. Absent: the node's. */
  readonly network: string | undefined
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly workingDirectory: string | undefined
  /** The start of the command that changes the user. */
  readonly privileges: readonly string[]
  readonly mounts: readonly Mount[]
  readonly readOnlyRoot: boolean
  /** Of its own on the node. */
  readonly folder: string
  readonly log: string
}

export interface Exit {
  readonly code: number
  /** Number of the signal that ended it. */
  readonly signal: number | undefined
}

const path = '/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const signals: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
}

/** A container's process, in a file system and a network of its own. */
export class ContainerProcess {
  readonly exited: Promise<Exit>
  readonly #options: ProcessOptions
  readonly #child: ChildProcess

  constructor(options: ProcessOptions) {
    this.#options = options
    const { folder, network, hostname } = options
    const root = join(folder, 'root')
    mkdirSync(root, { recursive: true })
    const mounts = join(folder, 'mounts')
    // A path within another's must be mounted after it.
    const sorted = options.mounts.toSorted((one, other) => one.target.length - other.target.length)
    const lines = sorted.map(mount =>
      [mount.source, mount.target, mount.readOnly ? 'ro' : 'rw'].join('\t'),
    )
    writeFileSync(mounts, lines.map(line => `${line}\n`).join(''))
    const enter = network === undefined ? [] : ['nsenter', `--net=${network}`]
    const apart = ['unshare', '--mount', '--uts', '--propagation=private']
    const named = ['sh', '-c', 'hostname "$0" && exec sh "$@"', hostname, script]
    const writable = options.readOnlyRoot ? 'no' : 'yes'
    const image = [root, checkout, process.execPath, mounts, writable]
    const line = [...enter, ...apart, ...named, ...image, ...this.#commandLine(options.command)]
    const [program = '', ...rest] = line
    const log = openSync(options.log, 'a')
    // A session of its own: what it leaves behind is found by its group.
    this.#child = spawn(program, rest, { stdio: ['ignore', log, log], detached: true })
    closeSync(log)
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.#killGroup()
      const number = signal === null ? undefined : (signals[signal as string] ?? 0)
      return { code: (code as number | null) ?? 128 + (number ?? 0), signal: number }
    })
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Runs another command beside it. @returns its exit code, and what it printed. */
  execute(
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ code: number; output: string }> {
    const enter = [`--target=${this.pid}`, '--mount', '--net', '--uts', '--root', '--wd']
    const line = [...enter, '--', ...this.#commandLine(command)]
    return new Promise(done => {
      execFile('nsenter', line, { timeout: timeoutMs }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        done({ code, output: (stdout + stderr).trim() })
      })
    })
  }

  #commandLine(command: readonly string[]): string[] {
    const { environment, privileges, workingDirectory = '/' } = this.#options
    const variables = Object.entries({ PATH: path, ...environment }).map(pair => pair.join('='))
    return [...privileges, '/usr/bin/env', '-i', '-C', workingDirectory, ...variables, ...command]
  }

  #killGroup(): void {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // Nothing is left of it.
    }
  }
}
