import { existsSync, mkdtempSync, rmSync, symlinkSync, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
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

export interface RealDocker {
  readonly socket: string
  /** Names and states of all its containers. */
  readonly containers: () => Promise<string[]>
}

/** An engine of its own, without networks but the host's, and with one image: directories, and nothing in them. */
export async function startDocker(t: Test): Promise<RealDocker> {
  // Not in the test's own folder: paths of sockets are short.
  const folder = mkdtempSync(join(tmpdir(), 'weft-docker-'))
  const socket = join(folder, 'engine.sock')
  const places = ['data-root', 'exec-root', 'pidfile'].map(
    name => `--${name}=${join(folder, name)}`,
  )
  const networks = ['--iptables=false', '--ip6tables=false', '--bridge=none']
  const flags = [`--host=unix://${socket}`, ...places, ...networks, '--storage-driver=vfs']
  // A test that is killed takes it along.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', daemon, ...flags], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    await removeAll(client)
    await client.destroy()
    child.kill('SIGTERM')
    await exited
    // It leaves mounts behind: of its own data, and the namespace that the host's network stands for.
    spawnSync('umount', [join(folder, 'exec-root/netns/default'), join(folder, 'data-root')])
    rmSync(folder, { recursive: true, force: true })
  })
  const client = new Client('http://localhost', { socketPath: socket })
  await eventually(() => existsSync(socket), Boolean)
  await importImage(client, folder)
  return {
    socket,
    containers: async () =>
      (await list(client)).map(({ Names: [name = ''], State }) => `${name.slice(1)} ${State}`),
  }
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
