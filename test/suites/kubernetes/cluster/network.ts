import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** All lie in a network namespace of our own: nothing of them can be seen or reached from outside. */
export const addresses = {
  node: '172.31.0.1',
  /** The first two parts of those of pods. */
  pods: '10.244',
  services: '10.96.0.0/16',
  /** ClusterIP of the API server: always the first. */
  apiServer: '10.96.0.1',
  dns: '10.96.0.10',
} as const

/** Where a pod sends everything. It belongs to nobody: the node answers for it (proxy ARP). */
const gateway = '169.254.1.1'

/** Makes a node of the namespaces that we are in. */
export async function prepareNode(): Promise<void> {
  // Not those of the machine.
  mkdirSync('/run/netns', { recursive: true })
  await execute('mount', ['-t', 'tmpfs', 'netns', '/run/netns'])
  await ip('link', 'set', 'lo', 'up')
  await ip('address', 'add', `${addresses.node}/32`, 'dev', 'lo')
  // What is bound for a ClusterIP needs some route, for its address to be translated on the way.
  await ip('route', 'add', 'default', 'dev', 'lo', 'src', addresses.node)
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
}

/** A pod's own: an address, and a pair of interfaces that lead to the node. */
export class PodNetwork {
  /** Of the network namespace. */
  readonly path: string
  readonly address: string
  readonly #name: string

  private constructor(name: string, address: string) {
    this.#name = name
    this.path = `/run/netns/${name}`
    this.address = address
  }

  static async create(index: number): Promise<PodNetwork> {
    const address = `${addresses.pods}.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`
    const name = `pod${index}`
    await ip('netns', 'add', name)
    await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    await ip('link', 'set', name, 'up')
    writeFileSync(`/proc/sys/net/ipv4/conf/${name}/proxy_arp`, '1')
    await ip('route', 'add', `${address}/32`, 'dev', name)
    const inside = ['-n', name] as const
    await ip(...inside, 'link', 'set', 'lo', 'up')
    await ip(...inside, 'address', 'add', `${address}/32`, 'dev', 'eth0')
    await ip(...inside, 'link', 'set', 'eth0', 'up')
    await ip(...inside, 'route', 'add', gateway, 'dev', 'eth0', 'scope', 'link')
    await ip(...inside, 'route', 'add', 'default', 'via', gateway, 'dev', 'eth0')
    return new PodNetwork(name, address)
  }

  /** A kernel parameter of the namespace, as `net.ipv4.ip_unprivileged_port_start`. */
  async set(parameter: string, value: string): Promise<void> {
    const file = `/proc/sys/${parameter.replaceAll('.', '/')}`
    const write = ['sh', '-c', 'echo "$1" > "$0"', file, value]
    await execute('nsenter', [`--net=${this.path}`, ...write])
  }

  /** Its interfaces go with it. */
  async remove(): Promise<void> {
    await ip('netns', 'delete', this.#name)
  }
}

async function ip(...options: string[]): Promise<void> {
  await execute('ip', options)
}
