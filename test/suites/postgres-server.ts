import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { eventually } from '../support/mesh.ts'
import { descendantsOf, runningOf } from '../support/process.ts'
import { Missing } from './suite.ts'

const execute = promisify(execFile)

export const password = 'a long secret'

/** Debian keeps the programs of each version apart, and out of the path. */
const versions = '/usr/lib/postgresql'

/** The server refuses to run as root. */
interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** The data of a PostgreSQL server, which one process after another may serve, as pods do with a volume. */
export class PostgresServer implements AsyncDisposable {
  /** Where its programs are. */
  readonly programs: string
  readonly #folder: string
  readonly #account: Account
  #process: ChildProcess | undefined

  private constructor(programs: string, folder: string, account: Account) {
    this.programs = programs
    this.#folder = folder
    this.#account = account
  }

  /** A new one, stopped. @throws Missing where PostgreSQL is not installed. */
  static async create(): Promise<PostgresServer> {
    const programs = findPrograms()
    const account = process.getuid?.() === 0 ? accountOf('postgres') : {}
    const folder = mkdtempSync(join(tmpdir(), 'weft-postgresql-'))
    if (account.uid !== undefined) chownSync(folder, account.uid, account.gid ?? 0)
    const server = new PostgresServer(programs, folder, account)
    const passwordFile = join(folder, 'password')
    writeFileSync(passwordFile, password)
    const options = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--username=postgres']
    await execute(join(programs, 'initdb'), [...options, '--no-sync', server.#data], account)
    const key = join(folder, 'server.key')
    const subject = ['-subj', '/CN=postgresql', '-keyout', key, '-out', join(folder, 'server.crt')]
    await execute('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], account)
    return server
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  /** Resolves when it takes connections. */
  async start(port: number): Promise<void> {
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      ssl: 'on',
      ssl_cert_file: join(this.#folder, 'server.crt'),
      ssl_key_file: join(this.#folder, 'server.key'),
      fsync: 'off',
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(join(this.programs, 'postgres'), ['-D', this.#data, ...options], {
      ...this.#account,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = child
    const lines: string[] = []
    await new Promise<void>((resolve, reject) => {
      const output = createInterface({ input: child.stderr })
      output.on('line', line => {
        lines.push(line)
        if (line.includes('ready to accept connections')) resolve()
      })
      output.once('close', () => reject(new Error(`PostgreSQL ended:\n${lines.join('\n')}`)))
    })
  }

  /** SIGINT: sessions are told and ended. SIGKILL: nobody is told. Resolves when no process of it is left. */
  async stop(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (child?.pid === undefined) return
    this.#process = undefined
    const processes = descendantsOf(child.pid)
    const exited = once(child, 'exit')
    child.kill(signal)
    // As the end of a pod's first process ends all others.
    if (signal === 'SIGKILL') for (const pid of runningOf(processes)) process.kill(pid, signal)
    await exited
    await eventually(
      () => runningOf(processes),
      running => running.length === 0,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGINT')
    rmSync(this.#folder, { recursive: true })
  }
}

function findPrograms(): string {
  const [newest] = existsSync(versions)
    ? readdirSync(versions).toSorted((a, b) => Number(b) - Number(a))
    : []
  const programs = join(versions, newest ?? '', 'bin')
  if (!existsSync(join(programs, 'postgres')))
    throw new Missing('needs PostgreSQL: apt-get install postgresql')
  return programs
}

function accountOf(name: string): Account {
  const id = (kind: '-u' | '-g'): number =>
    Number(execFileSync('id', [kind, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
