import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import type { findPrograms } from './programs.ts'

type Found = Extract<
  ReturnType<typeof findPrograms<'etcd' | 'kube-apiserver' | 'kubectl'>>,
  { programs: object }
>

const execute = promisify(execFile)

/** etcd and kube-apiserver, with RBAC, on loopback; no controllers. */
export class RealCluster {
  readonly folder: string
  readonly server: string
  readonly caFile: string
  readonly kubeconfig: string
  readonly #kubectl: string

  private constructor(folder: string, port: number, kubectl: string) {
    this.folder = folder
    this.server = `https://127.0.0.1:${port}`
    this.caFile = join(folder, 'certs/apiserver.crt')
    this.kubeconfig = join(folder, 'kubeconfig')
    this.#kubectl = kubectl
  }

  static async start(t: Test, { programs }: Found): Promise<RealCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-cluster-'))
    const [port, client, peer] = await freePorts(3)
    const cluster = new RealCluster(folder, port, programs.kubectl)
    cluster.#writeFiles()
    const processes = [
      run(programs.etcd, etcdOptions(folder, client, peer), join(folder, 'etcd.log')),
      run(programs['kube-apiserver'], serverOptions(folder, port, client), join(folder, 'api.log')),
    ]
    t.teardown(async () => {
      for (const child of processes.toReversed()) await stop(child)
      rmSync(folder, { recursive: true, force: true })
    })
    await cluster.#ready()
    return cluster
  }

  /** What it prints, and what it complains about. @throws Error with what it says, when it fails */
  async kubectl(...args: readonly string[]): Promise<string> {
    const options = { maxBuffer: 2 ** 26 }
    const { stdout } = await execute(
      this.#kubectl,
      [`--kubeconfig=${this.kubeconfig}`, ...args],
      options,
    )
    return stdout
  }

  /** The same with a text on its standard input. */
  async pipe(text: string, ...args: readonly string[]): Promise<string> {
    const path = join(this.folder, 'input.yaml')
    writeFileSync(path, text)
    return this.kubectl(...args, '-f', path)
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(...args, '-o', 'json')) as T
  }

  /** It takes seconds, on a busy machine many. */
  async #ready(): Promise<void> {
    for (let attempt = 0; ; attempt++)
      try {
        await this.kubectl('get', '--raw', '/readyz')
        return
      } catch (error) {
        if (attempt === 120)
          throw new Error(lastLines(join(this.folder, 'api.log')), { cause: error })
        await delay(500)
      }
  }

  #writeFiles(): void {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = privateKey.export({ type: 'sec1', format: 'pem' })
    writeFileSync(join(this.folder, 'accounts.key'), key)
    writeFileSync(join(this.folder, 'tokens.csv'), 'a-token,admin,1,"system:masters"\n')
    const named = (name: string, kind: string, value: object) => [{ name, [kind]: value }]
    const cluster = { server: this.server, 'insecure-skip-tls-verify': true }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: named('test', 'cluster', cluster),
      users: named('admin', 'user', { token: 'a-token' }),
      contexts: named('test', 'context', { cluster: 'test', user: 'admin' }),
    }
    writeFileSync(this.kubeconfig, JSON.stringify(config))
  }
}

function etcdOptions(folder: string, client: number, peer: number): string[] {
  return [
    `--data-dir=${folder}/etcd`,
    '--unsafe-no-fsync',
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`,
  ]
}

function serverOptions(folder: string, port: number, client: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${client}`,
    `--service-account-key-file=${folder}/accounts.key`,
    `--service-account-signing-key-file=${folder}/accounts.key`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--token-auth-file=${folder}/tokens.csv`,
    '--authorization-mode=RBAC',
    `--cert-dir=${folder}/certs`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    '--service-cluster-ip-range=10.96.0.0/16',
  ]
}

function run(program: string, args: readonly string[], log: string): ChildProcess {
  const output = openSync(log, 'w')
  const child = spawn(program, args, { stdio: ['ignore', output, output] })
  closeSync(output)
  child.on('error', error => writeFileSync(log, error.message))
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

export async function freePorts(count: number): Promise<[number, number, number]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports as [number, number, number]
}

function lastLines(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-20).join('\n')
}
