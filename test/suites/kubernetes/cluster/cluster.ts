import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Api } from './api.ts'
import { Daemon } from '../../daemon.ts'
import { addresses } from './network.ts'
import type { Programs } from './programs.ts'
import { waitFor } from './waiting.ts'

const adminToken = 'suite-admin'
const port = 6443
const etcd = 'http://127.0.0.1:2379'

/** What a real kubelet and cloud would have to do with; there are none. */
const switchedOff = [
  'node-lifecycle-controller',
  'node-ipam-controller',
  'taint-eviction-controller',
]

/** etcd, kube-apiserver and kube-controller-manager, as a cluster has them. Ports are fixed: the network is our own. */
export class Cluster implements AsyncDisposable {
  readonly api: Api
  readonly apiServer: Daemon
  /** For `kubectl` and `helm`, as an administrator. */
  readonly kubeconfig: string
  readonly #programs: Programs
  readonly #folder: string
  readonly #daemons: Daemon[]

  private constructor(programs: Programs, folder: string, daemons: Daemon[]) {
    const [, apiServer] = daemons
    if (apiServer === undefined) throw new Error('there is no API server')
    this.#programs = programs
    this.#folder = folder
    this.#daemons = daemons
    this.apiServer = apiServer
    const certificateAuthority = readFileSync(certificateOf(folder), 'utf8')
    this.api = new Api({ server: serverUrl, token: adminToken, certificateAuthority })
    this.kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(this.kubeconfig, kubeconfig(certificateOf(folder)))
  }

  /** Resolves when it takes pods. `folder` holds its state and logs. */
  static async start(programs: Programs, folder: string): Promise<Cluster> {
    mkdirSync(join(folder, 'logs'), { recursive: true })
    writeKeys(folder)
    const store = new Daemon([programs.etcd, ...etcdOptions(folder)], log(folder, 'etcd'))
    const options = apiServerOptions(folder)
    const apiServer = new Daemon([programs.apiServer, ...options], log(folder, 'kube-apiserver'))
    store.start()
    apiServer.start()
    await waitFor('the API server has a certificate', () => {
      if (!apiServer.running) throw new Error(apiServer.lastWords())
      return readFileSync(certificateOf(folder), 'utf8')
    })
    const cluster = new Cluster(programs, folder, [store, apiServer])
    await cluster.ready()
    await cluster.#startControllers()
    return cluster
  }

  /** Resolves when the API server is. */
  async ready(): Promise<void> {
    const ask = async (): Promise<boolean> => {
      if (!this.apiServer.running) throw new Error(this.apiServer.lastWords())
      // It answers in plain text.
      await this.api.get('/api/v1/namespaces/default')
      const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin'
      return (await this.api.find(roles)) !== undefined
    }
    await waitFor('the API server is ready', ask)
  }

  /** One more of the cluster's programs, ended with it. */
  add(name: string, command: readonly string[]): Daemon {
    const daemon = new Daemon(command, log(this.#folder, name))
    daemon.start()
    this.#daemons.push(daemon)
    return daemon
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]()
    for (const daemon of this.#daemons.toReversed()) await daemon[Symbol.asyncDispose]()
  }

  async #startControllers(): Promise<void> {
    const options = controllerOptions(this.#folder, this.kubeconfig)
    this.add('kube-controller-manager', [this.#programs.controllerManager, ...options])
    await waitFor('pods have an account', () =>
      this.api.find('/api/v1/namespaces/default/serviceaccounts/default'),
    )
    await waitFor('pods have the certificate of the API server', () =>
      this.api.find('/api/v1/namespaces/default/configmaps/kube-root-ca.crt'),
    )
  }
}

/** Its certificate has no loopback address in it. */
const serverUrl = `https://${addresses.node}:${port}`

function writeKeys(folder: string): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(join(folder, 'accounts.key'), pem, { mode: 0o600 })
  writeFileSync(join(folder, 'tokens.csv'), `${adminToken},admin,1,"system:masters"\n`)
}

function log(folder: string, name: string): string {
  return join(folder, 'logs', `${name}.log`)
}

/** Of the API server; it makes one itself, with a CA. */
function certificateOf(folder: string): string {
  return join(folder, 'certificates/apiserver.crt')
}

function etcdOptions(folder: string): string[] {
  const urls = { 'listen-client-urls': etcd, 'advertise-client-urls': etcd }
  return [
    ...Object.entries(urls).map(([name, url]) => `--${name}=${url}`),
    '--listen-peer-urls=http://127.0.0.1:2380',
    `--data-dir=${join(folder, 'etcd')}`,
  ]
}

function apiServerOptions(folder: string): string[] {
  const key = join(folder, 'accounts.key')
  return [
    `--etcd-servers=${etcd}`,
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--authorization-mode=Node,RBAC',
    `--cert-dir=${join(folder, 'certificates')}`,
    `--secure-port=${port}`,
    '--bind-address=0.0.0.0',
    `--advertise-address=${addresses.node}`,
    `--service-cluster-ip-range=${addresses.services}`,
    '--allow-privileged=true',
  ]
}

function controllerOptions(folder: string, config: string): string[] {
  return [
    `--kubeconfig=${config}`,
    `--service-account-private-key-file=${join(folder, 'accounts.key')}`,
    `--root-ca-file=${certificateOf(folder)}`,
    `--controllers=*,${switchedOff.map(name => `-${name}`).join(',')}`,
    `--cert-dir=${join(folder, 'controller-certificates')}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ]
}

function kubeconfig(certificateAuthority: string): string {
  const named = { name: 'suite' }
  const cluster = { server: serverUrl, 'certificate-authority': certificateAuthority }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ ...named, cluster }],
    users: [{ ...named, user: { token: adminToken } }],
    contexts: [{ ...named, context: { cluster: 'suite', user: 'suite' } }],
    'current-context': 'suite',
  })
}
