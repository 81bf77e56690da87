import { existsSync, mkdtempSync, rmSync, symlinkSync, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'
import { Client } from 'undici'
import { eventually } from '../mesh.ts'

const daemon = '/usr/sbin/dockerd'
const repository = resolve(import.meta.dirname, '../../..')

/** Why no engine can be started here; false where one can. */
export function withoutDocker(): string | false {
  if (process.getuid?.() !== 0) return 'needs root'
  return existsSync(daemon) ? false : 'needs dockerd (apt install docker.io)'
}

export const image = 'weft-test:latest'

/** With Node and this repository in it. */
export const binds = [
  '/usr/bin:/usr/bin:ro',
  '/usr/lib:/usr/lib:ro',
  ...(existsSync('/usr/lib64') ? ['/usr/lib64:/usr/lib64:ro'] : []),
  `${repository}:/weft:ro`,
]
/** Within a container. */
export const node = '/weft/node_modules/node/bin/node'

/** A container to be. */
interface ContainerPlan {
  readonly name: string
  readonly command: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
  /** Name of one, `host`, or `container:ID`. */
  readonly network: string
  /** Besides Node and this repository. */
  readonly binds?: readonly string[]
}

export interface RealDocker {
  readonly socket: string
  /** Makes one, and resolves with its id as soon as it is to start. */
  readonly create: (plan: ContainerPlan) => Promise<string>
  /** As `POST /containers/<path>`, such as `<id>/start`. */
  readonly act: (path: string) => Promise<void>
  readonly remove: (id: string) => Promise<void>
  /** A network of type bridge, with addresses that nobody else has here. @returns the host's address in it. */
  readonly createNetwork: (name: string) => Promise<string>
  /** In a network, or the first. */
  readonly addressOf: (id: string, network?: string) => Promise<string>
  /** What it has written so far. */
  readonly logs: (id: string) => Promise<string>
  /** Names and states of all its containers. */
  readonly containers: () => Promise<string[]>
}

/**
 * An engine of its own, without networks but the host's and those it is told to make, and with one image: directories,
 * and nothing in them. It leaves the firewall alone, so containers reach each other and the host, and nothing else.
 */
export async function startDocker(t: Test): Promise<RealDocker> {
  // Not in the test's own folder: paths of sockets are short.
  const folder = mkdtempSync(join(tmpdir(), 'weft-docker-'))
  const socket = join(folder, 'engine.sock')
  const places = ['data-root', 'exec-root', 'pidfile'].map(
    name => `--${name}=${join(folder, name)}`,
  )
  const networks = [
    '--iptables=false',
    '--ip6tables=false',
    '--bridge=none',
    '--ip-forward=false',
    '--userland-proxy=false',
    `--default-address-pool=base=10.${randomInt(64, 192)}.0.0/16,size=24`,
  ]
  const flags = [`--host=unix://${socket}`, ...places, ...networks, '--storage-driver=vfs']
  // A test that is killed takes it along.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', daemon, ...flags], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    await removeAll(client)
    for (const name of made) await ask(client, 'DELETE', `/networks/${name}`)
    await client.destroy()
    child.kill('SIGTERM')
    await exited
    // It leaves mounts behind: of its own data, and the namespace that the host's network stands for.
    spawnSync('umount', [join(folder, 'exec-root/netns/default'), join(folder, 'data-root')])
    rmSync(folder, { recursive: true, force: true })
  })
  const client = new Client('http://localhost', { socketPath: socket })
  const made: string[] = []
  await eventually(() => existsSync(socket), Boolean)
  await importImage(client, folder)
  return {
    socket,
    create: plan => create(client, plan),
    act: async path => void (await ask(client, 'POST', `/containers/${path}`)),
    remove: async id => void (await ask(client, 'DELETE', `/containers/${id}?force=1&v=1`)),
    createNetwork: async name => {
      await ask(client, 'POST', '/networks/create', { Name: name, Driver: 'bridge' })
      made.push(name)
      const { IPAM } = (await ask(client, 'GET', `/networks/${name}`)) as Network
      return IPAM.Config[0]?.Gateway ?? ''
    },
    addressOf: async (id, network) => {
      const { NetworkSettings } = (await ask(client, 'GET', `/containers/${id}/json`)) as Inspected
      const { [network ?? Object.keys(NetworkSettings.Networks)[0] ?? '']: found } =
        NetworkSettings.Networks
      return found?.IPAddress ?? ''
    },
    logs: id => logs(client, id),
    containers: async () =>
      (await list(client)).map(({ Names: [name = ''], State }) => `${name.slice(1)} ${State}`),
  }
}

interface Network {
  readonly IPAM: { readonly Config: readonly { readonly Gateway: string }[] }
}

interface Inspected {
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>
  }
}

async function create(client: Client, plan: ContainerPlan): Promise<string> {
  const { name, command, labels = {}, environment = {}, network } = plan
  const body = {
    Image: image,
    Cmd: command,
    Labels: labels,
    Env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    HostConfig: { NetworkMode: network, Binds: [...binds, ...(plan.binds ?? [])] },
  }
  const answer = await ask(client, 'POST', `/containers/create?name=${name}`, body)
  return (answer as { readonly Id: string }).Id
}

async function logs(client: Client, id: string): Promise<string> {
  const path = `/containers/${id}/logs?stdout=1&stderr=1`
  const { body } = await client.request({ method: 'GET', path })
  return body.text()
}

async function ask(
  client: Client,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await client.request({
    method,
    path,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  })
  const text = await answer.body.text()
  // 304: it is so already.
  if (answer.statusCode > 304) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

/** From an archive, since no registry can be reached. */
async function importImage(client: Client, folder: string): Promise<void> {
  const root = join(folder, 'root')
  for (const path of [
    'etc',
    'var/lib',
    'tmp',
    'usr/bin',
    'usr/lib',
    'usr/lib64',
    'proc',
    'sys',
    'dev',
    'weft',
  ])
    mkdirSync(join(root, path), { recursive: true })
  for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name))
  const body = execFileSync('tar', ['-C', root, '-c', '.'])
  const path = `/images/create?fromSrc=-&repo=${image.replace(':latest', '')}&tag=latest`
  const answer = await client.request({ method: 'POST', path, body })
  await answer.body.dump()
  if (answer.statusCode !== 200) throw new Error(`import of the image: ${answer.statusCode}`)
}

interface Listed {
  readonly Id: string
  readonly Names: readonly string[]
  readonly State: string
}

async function list(client: Client): Promise<Listed[]> {
  const { body } = await client.request({ method: 'GET', path: '/containers/json?all=1' })
  return (await body.json()) as Listed[]
}

async function removeAll(client: Client): Promise<void> {
  for (const { Id } of await list(client)) {
    const path = `/containers/${Id}?force=1&v=1`
    const { body } = await client.request({ method: 'DELETE', path })
    await body.dump()
  }
}
