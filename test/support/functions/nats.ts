import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const program = [
  '/usr/sbin/nats-server',
  '/usr/bin/nats-server',
  '/usr/local/bin/nats-server',
].find(path => existsSync(path))

/** Why tests with a server of NATS are skipped; false where they are not. */
export const natsMissing =
  program === undefined && 'nats-server is not installed (Debian: apt install nats-server)'

/** A server of NATS with JetStream on loopback. Its data outlive {@link kill}. */
export class NatsServer implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-nats-'))
  readonly #config: string
  #child: ChildProcess | undefined
  #port = -1

  /** @param config further lines of the server's configuration. */
  private constructor(config: string) {
    this.#config = config
  }

  static async start(config = ''): Promise<NatsServer> {
    const server = new NatsServer(config)
    await server.run()
    return server
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Again on the same port, with the same data. */
  async run(): Promise<void> {
    const file = join(this.directory, 'server.conf')
    writeFileSync(
      file,
      `listen: "127.0.0.1:${this.#port}"\nmax_payload: 2097152\n` +
        `jetstream { store_dir: "${this.directory}" }\n${this.#config}\n`,
    )
    const child = spawn(program ?? '', ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    const end = (): boolean => child.kill('SIGKILL')
    process.once('exit', end)
    child.once('exit', () => process.off('exit', end))
    const said: string[] = []
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line)
      const port = /client connections on [^ ]*:(\d+)$/.exec(line)?.[1]
      if (port !== undefined) this.#port = Number(port)
      if (line.endsWith('Server is ready')) {
        // Nobody reads on, and a pipe that is full would stop it.
        child.stderr.resume()
        return
      }
    }
    throw new Error(`nats-server does not start:\n${said.join('\n')}`)
  }

  /** As a loss of power does to a process. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
