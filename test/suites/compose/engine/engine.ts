import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Daemon } from '../../daemon.ts'
import { until } from './waiting.ts'

const execute = promisify(execFile)
const maxOutputBytes = 64 * 2 ** 20

/** Of a container, as the engine shows it. */
export interface Inspected {
  readonly Id: string
  readonly Name: string
  readonly State: {
    readonly Status: string
    readonly Pid: number
    readonly ExitCode: number
    readonly StartedAt: string
    readonly Health?: { readonly Status: string }
  }
  readonly Config: { readonly Labels: Readonly<Record<string, string>> }
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>
  }
}

export interface ContainerEvent {
  readonly id: string
  /** `start`, `health_status: healthy`, … */
  readonly action: string
  readonly atMs: number
}

/** A Docker engine that nobody else uses. */
export class Engine implements AsyncDisposable {
  readonly socket: string
  readonly #daemon: Daemon

  constructor(folder: string) {
    this.socket = join(folder, 'engine.sock')
    const places = ['data-root', 'exec-root', 'pidfile'].map(
      name => `--${name}=${join(folder, name)}`,
    )
    // Nobody is beyond the namespace, so that no range of addresses can be taken.
    const networks = '--default-address-pool=base=10.77.0.0/16,size=24'
    const command = ['dockerd', `--host=unix://${this.socket}`, ...places, networks]
    this.#daemon = new Daemon(command, join(folder, 'dockerd.log'))
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, DOCKER_HOST: `unix://${this.socket}` }
  }

  /** @throws when none can be started here; the message says why. */
  async start(): Promise<void> {
    this.#daemon.start()
    const answers = async (): Promise<boolean> =>
      existsSync(this.socket) &&
      (await this.docker('version').then(
        () => true,
        () => false,
      ))
    await until('the engine answers', async () => !this.#daemon.running || (await answers()))
    if (!this.#daemon.running) throw new Error(this.#daemon.lastWords(3))
  }

  /** What the command printed. @throws with what it complained of. */
  async docker(...command: string[]): Promise<string> {
    const options = { env: this.environment, maxBuffer: maxOutputBytes }
    const { stdout } = await execute('docker', command, options)
    return stdout.trim()
  }

  async inspect(...ids: string[]): Promise<readonly Inspected[]> {
    return JSON.parse(await this.docker('inspect', ...ids)) as Inspected[]
  }

  /** Of a container in one network. */
  async addressOf(id: string): Promise<string> {
    const [container] = await this.inspect(id)
    const [network] = Object.values(container?.NetworkSettings.Networks ?? {})
    return network?.IPAddress ?? ''
  }

  /** Of all containers since then, seconds since 1970, in their order. */
  async eventsSince(seconds: number): Promise<readonly ContainerEvent[]> {
    const until = Math.floor(Date.now() / 1000) + 1
    const range = [`--since=${seconds}`, `--until=${until}`, '--filter=type=container']
    const printed = await this.docker('events', ...range, '--format={{json .}}')
    return printed
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as { id: string; status: string; timeNano: number })
      .map(({ id, status, timeNano }) => ({ id, action: status, atMs: timeNano / 1e6 }))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#daemon[Symbol.asyncDispose]()
  }
}
