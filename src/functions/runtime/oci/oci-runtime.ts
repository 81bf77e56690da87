import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface OciRuntimeOptions {
  /** Ours alone: what lies in it at the start was left by a sidecar that was killed. Made if missing. */
  readonly directory: string
  /** What programs get that are no functions: `PATH`. */
  readonly environment: Readonly<Record<string, string>>
  /** Default `runc`. */
  readonly program?: string
}

/** A place for a container's configuration. */
export interface Bundle {
  /** Of the container. */
  readonly id: string
  readonly directory: string
  /** A FIFO, and its writing end. */
  readonly gatePath: string
  readonly gate: FileHandle
}

const prefix = 'weft-'
/** Any call that does not run a function. It takes 10 ms; a machine that hangs is no reason to wait for ever. */
const callTimeoutMs = 10_000

/** The program that makes containers (opencontainers.org), and what it keeps on disk. */
export class OciRuntime {
  readonly program: string
  readonly #options: OciRuntimeOptions
  readonly #abort = new AbortController()
  /** Of containers that are not removed yet. */
  readonly #ids = new Set<string>()
  #onEmpty: (() => void) | undefined
  #ready: Promise<void> | undefined

  constructor(options: OciRuntimeOptions) {
    this.#options = options
    this.program = options.program ?? 'runc'
  }

  /** @throws Error that says what to install or whose rights are missing. */
  async createBundle(): Promise<Bundle> {
    await (this.#ready ??= this.#begin())
    const id = `${prefix}${randomUUID()}`
    this.#ids.add(id)
    const directory = this.#bundlePath(id)
    const gatePath = join(directory, 'gate')
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await this.#call('mkfifo', ['-m', '600', gatePath])
    // Both ends, so that it opens before anybody reads, and what is written waits.
    const gate = await open(gatePath, constants.O_RDWR | constants.O_NONBLOCK)
    return { id, directory, gatePath, gate }
  }

  /** Program and arguments that run the container of a bundle until it ends; its exit status is the container's. */
  runCommand({ id, directory }: Bundle): string[] {
    return [
      this.program,
      ...this.#global,
      '--log',
      this.logPath(directory),
      '--log-format',
      'json',
      'run',
      '--keep',
      '--bundle',
      directory,
      id,
    ]
  }

  /** What {@link runCommand} itself had to complain of; a line of JSON each. */
  logPath(directory: string): string {
    return join(directory, 'log')
  }

  /** @returns whether there was one to be killed. */
  async kill(id: string): Promise<boolean> {
    try {
      await this.#call(this.program, [...this.#global, 'kill', id, 'KILL'])
      return true
    } catch {
      // It has ended, or is not made yet.
      return false
    }
  }

  /** Ends a container if it runs, and takes all off the disk that was its. For every bundle that was created. */
  async remove(id: string): Promise<void> {
    await this.#remove(id)
    this.#ids.delete(id)
    if (this.#ids.size === 0) this.#onEmpty?.()
  }

  /** When their owners have ended all containers: resolves when these are gone, or after ten seconds. */
  async close(): Promise<void> {
    if (this.#ids.size > 0)
      await new Promise<void>(resolve => {
        const late = setTimeout(resolve, callTimeoutMs)
        this.#onEmpty = () => {
          clearTimeout(late)
          resolve()
        }
      })
    this.#abort.abort()
  }

  get #global(): string[] {
    return ['--root', join(this.#options.directory, 'containers')]
  }

  #bundlePath(id: string): string {
    return join(this.#options.directory, 'bundles', id)
  }

  async #remove(id: string): Promise<void> {
    try {
      await this.#call(this.program, [...this.#global, 'delete', '--force', id])
    } catch {
      // The next start finds it.
      return
    }
    await rm(this.#bundlePath(id), { recursive: true, force: true })
  }

  async #begin(): Promise<void> {
    try {
      await this.#removeLeftovers()
    } catch (error) {
      // It may be installed by the next time.
      this.#ready = undefined
      throw error
    }
  }

  async #removeLeftovers(): Promise<void> {
    await mkdir(join(this.#options.directory, 'bundles'), { recursive: true, mode: 0o700 })
    const { stdout } = await this.#call(this.program, [...this.#global, 'list', '--quiet'])
    const containers = stdout.split('\n').filter(line => line.startsWith(prefix))
    const bundles = await readdir(join(this.#options.directory, 'bundles'))
    for (const id of new Set([...containers, ...bundles])) await this.#remove(id)
  }

  async #call(program: string, args: readonly string[]): Promise<{ stdout: string }> {
    try {
      return await run(program, [...args], {
        env: this.#options.environment,
        timeout: callTimeoutMs,
        killSignal: 'SIGKILL',
        signal: this.#abort.signal,
      })
    } catch (error) {
      throw ociError(program, error as Error)
    }
  }
}

/** Says what to do about what is usually missing. */
export function ociError(program: string, { message }: { readonly message: string }): Error {
  const missing = new RegExp(`spawn ${program} ENOENT`).test(message)
  if (missing) return new Error(`${program} is missing: apt-get install ${program}`)
  if (/rootless|operation not permitted/i.test(message))
    return new Error(`${program} needs the rights of root: ${message}`)
  return new Error(message)
}
