import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { password } from './postgres-server.ts'

const timeoutMs = 60_000

/** PostgreSQL's own programs, speaking to one port of this machine. */
export class PostgresClient {
  readonly #programs: string
  readonly #port: number

  constructor(programs: string, port: number) {
    this.#programs = programs
    this.#port = port
  }

  /** Resolves with what it printed; rejects with its last words when it fails. */
  run(program: string, ...options: string[]): Promise<string> {
    return this.#run(program, options, {})
  }

  /** One query on a connection of its own: its answer, or the error. */
  ask(query: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
    return this.#run('psql', [...quiet, '--command', query], environment).catch(
      (error: Error) => error.message,
    )
  }

  /** @returns how many transactions of eight clients failed. */
  async bench(...options: string[]): Promise<string> {
    const load = ['--no-vacuum', '--client=8', '--jobs=2', '--transactions=100']
    const output = await this.run('pgbench', ...load, ...options)
    const [, done] = /actually processed: (\d+)\/\1$/m.exec(output) ?? []
    const [, failed] = /failed transactions: (\d+)/.exec(output) ?? []
    return done === '800' ? `${failed} failed` : output
  }

  /** One that stays. */
  async session(): Promise<PostgresSession> {
    const child = spawn(join(this.#programs, 'psql'), quiet, {
      env: this.#environment({}),
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const session = new PostgresSession(child)
    await session.ask('select 1')
    return session
  }

  #environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    return {
      ...process.env,
      PGHOST: '127.0.0.1',
      PGPORT: String(this.#port),
      PGUSER: 'postgres',
      PGDATABASE: 'postgres',
      PGPASSWORD: password,
      PGSSLMODE: 'disable',
      ...more,
    }
  }

  #run(program: string, options: readonly string[], more: NodeJS.ProcessEnv): Promise<string> {
    return new Promise((done, fail) => {
      const settings = { env: this.#environment(more), timeout: timeoutMs, maxBuffer: 2 ** 24 }
      execFile(join(this.#programs, program), options, settings, (error, stdout, stderr) => {
        if (error === null) done(stdout.trim())
        else fail(new Error(this.#nameless(stderr) || error.message))
      })
    })
  }

  /** Without what differs between two ways to the same server. */
  #nameless(text: string): string {
    return text.trim().replaceAll(String(this.#port), 'PORT')
  }
}

const quiet = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align']
/** Stands behind each answer. */
const mark = 'that is all'

/** A `psql` that is typed to. */
export class PostgresSession implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #ended: Promise<unknown>
  #running = true
  #output = ''

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child
    this.#ended = once(child, 'close').then(() => (this.#running = false))
    child.stdin.on('error', () => {})
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString()
      })
  }

  /** What is printed until the answer has come, or `psql` has ended. */
  async ask(query: string): Promise<string> {
    this.#output = ''
    this.#child.stdin.write(`${query};\n\\echo ${mark}\n`)
    while (this.#running && !this.#output.includes(mark))
      await Promise.race([this.#ended, once(this.#child.stdout, 'data')])
    return this.#output
      .replace(mark, '')
      .replace(/PID \d+/, 'PID')
      .trim()
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    this.#child.kill('SIGINT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill()
    await this.#ended
  }
}
