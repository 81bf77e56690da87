import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Informer, type Api } from './api.ts'
import { addresses } from './network.ts'
import type { EndpointSlice, Service, ServicePort } from './objects.ts'

const chain = 'SERVICES'

/** Stands in for kube-proxy: iptables bring what is sent to a ClusterIP to one of its endpoints. */
export class ServiceProxy implements AsyncDisposable {
  readonly #services: Informer<Service>
  readonly #slices: Informer<EndpointSlice>
  #dirty = false
  #writing: Promise<void> | undefined

  private constructor(api: Api) {
    const onChange = (): void => this.#changed()
    this.#services = new Informer<Service>(api, '/api/v1/services', onChange)
    const slices = '/apis/discovery.k8s.io/v1/endpointslices'
    this.#slices = new Informer<EndpointSlice>(api, slices, onChange)
  }

  static async start(api: Api): Promise<ServiceProxy> {
    await restore(
      [
        '*nat',
        `:${chain} - [0:0]`,
        `-A PREROUTING -j ${chain}`,
        `-A OUTPUT -j ${chain}`,
        'COMMIT',
        '*filter',
        // No endpoint: an error at once.
        `-A OUTPUT -d ${addresses.services} -j REJECT`,
        `-A FORWARD -d ${addresses.services} -j REJECT`,
        'COMMIT',
      ].join('\n'),
    )
    return new ServiceProxy(api)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#services.close(), this.#slices.close()])
    await this.#writing
  }

  #changed(): void {
    this.#dirty = true
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      await sleep(20)
      this.#dirty = false
      const rules = this.#services.all.flatMap(service => this.#rulesOf(service))
      // `:CHAIN` empties it: all its rules change at one moment.
      await restore(['*nat', `:${chain} - [0:0]`, ...rules, 'COMMIT'].join('\n'))
    }
  }

  #rulesOf(service: Service): string[] {
    const { clusterIP, ports = [] } = service.spec
    if (!clusterIP || clusterIP === 'None') return []
    // Objects of kwok have no address that leads anywhere.
    if (service.metadata.labels?.['suite'] === 'kwok') return []
    const slices = this.#slices.all.filter(slice => isOf(slice, service))
    return ports.flatMap(port => rulesOfPort(clusterIP, port, targetsOf(slices, port)))
  }
}

function isOf(slice: EndpointSlice, service: Service): boolean {
  return (
    slice.metadata.namespace === service.metadata.namespace &&
    slice.metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name
  )
}

/** Ready ones; without any, those that end but still serve. */
function targetsOf(slices: readonly EndpointSlice[], port: ServicePort): string[] {
  const all = slices.flatMap(slice => {
    const found = slice.ports?.find(({ name = '' }) => name === (port.name ?? ''))
    if (found?.port === undefined) return []
    return (slice.endpoints ?? []).map(endpoint => ({
      target: `${endpoint.addresses[0]}:${found.port}`,
      ready: endpoint.conditions?.ready !== false,
      serving: endpoint.conditions?.serving === true,
    }))
  })
  const ready = all.filter(each => each.ready)
  return (ready.length > 0 ? ready : all.filter(each => each.serving)).map(({ target }) => target)
}

function rulesOfPort(
  address: string,
  { port, protocol = 'TCP' }: ServicePort,
  targets: string[],
): string[] {
  const transport = protocol.toLowerCase()
  return targets.map((target, index) => {
    const left = targets.length - index
    const chance = `-m statistic --mode random --probability ${(1 / left).toFixed(6)} `
    const match = `-d ${address}/32 -p ${transport} --dport ${port} ${left > 1 ? chance : ''}`
    return `-A ${chain} ${match}-j DNAT --to-destination ${target}`
  })
}

async function restore(rules: string): Promise<void> {
  const child = spawn('iptables-restore', ['--noflush'], { stdio: ['pipe', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  child.stdin.end(`${rules}\n`)
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`iptables-restore: ${errors.trim()}\n${rules}`)
}
