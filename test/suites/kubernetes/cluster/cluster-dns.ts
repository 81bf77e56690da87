import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { Informer, type Api } from './api.ts'
import { addresses } from './network.ts'
import type { EndpointSlice, Service } from './objects.ts'

const domain = '.svc.cluster.local'
const types = { a: 1 } as const
const codes = { ok: 0, noName: 3 } as const

/** Stands in for CoreDNS: names of services, by the specification of DNS for Kubernetes, at the usual ClusterIP. */
export class ClusterDns implements AsyncDisposable {
  readonly #services: Informer<Service>
  readonly #slices: Informer<EndpointSlice>
  readonly #udp: Socket
  readonly #tcp: Server

  private constructor(api: Api) {
    const ignore = (): void => {}
    this.#services = new Informer<Service>(api, '/api/v1/services', ignore)
    const slices = '/apis/discovery.k8s.io/v1/endpointslices'
    this.#slices = new Informer<EndpointSlice>(api, slices, ignore)
    this.#udp = createSocket('udp4')
    this.#udp.on('message', (query, { port, address }) => {
      const answer = this.#answer(query)
      if (answer) this.#udp.send(answer, port, address)
    })
    this.#tcp = createServer(socket => {
      socket.on('error', () => socket.destroy())
      // One question a connection, in one piece: nobody here sends longer ones.
      socket.once('data', data => {
        const answer = this.#answer(data.subarray(2))
        const length = Buffer.alloc(2)
        length.writeUInt16BE(answer?.length ?? 0)
        socket.end(Buffer.concat([length, answer ?? Buffer.alloc(0)]))
      })
    })
  }

  static async start(api: Api): Promise<ClusterDns> {
    const dns = new ClusterDns(api)
    dns.#udp.bind(53, addresses.node)
    dns.#tcp.listen(53, addresses.node)
    await Promise.all([once(dns.#udp, 'listening'), once(dns.#tcp, 'listening')])
    await publish(api)
    return dns
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close()
    this.#tcp.close()
    await Promise.all([this.#services.close(), this.#slices.close()])
  }

  #answer(query: Buffer): Buffer | undefined {
    const question = readQuestion(query)
    if (question === undefined) return undefined
    const found = this.#addressesOf(question.name.toLowerCase())
    const records = question.type === types.a ? (found ?? []) : []
    const head = Buffer.from(query.subarray(0, question.end))
    // An answer, with authority, in which recursion is on offer.
    head.writeUInt16BE(0x8580 | (found === undefined ? codes.noName : codes.ok), 2)
    head.writeUInt16BE(records.length, 6)
    head.writeUInt32BE(0, 8)
    return Buffer.concat([head, ...records.map(record)])
  }

  /** Undefined: there is no such name. */
  #addressesOf(name: string): readonly string[] | undefined {
    if (!name.endsWith(domain)) return undefined
    const [namespace, service, host] = name.slice(0, -domain.length).split('.').toReversed()
    const found = this.#services.objects.get(`${namespace}/${service}`)
    if (found === undefined) return undefined
    const { clusterIP = 'None' } = found.spec
    if (clusterIP !== 'None' && host === undefined) return [clusterIP]
    const endpoints = this.#slices.all
      .filter(({ metadata }) => metadata.namespace === namespace)
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service)
      .flatMap(slice => slice.endpoints ?? [])
    const ready = endpoints.filter(each => each.conditions?.ready !== false)
    const named = host === undefined ? ready : ready.filter(each => each.hostname === host)
    return named.flatMap(each => each.addresses)
  }
}

interface Question {
  readonly name: string
  readonly type: number
  readonly end: number
}

function readQuestion(query: Buffer): Question | undefined {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]; length !== undefined && length !== 0; length = query[at]) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  if (query.length < at + 5) return undefined
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** For 5 s; its name is the question's. */
function record(address: string): Buffer {
  return Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...address.split('.').map(Number)])
}

async function publish(api: Api): Promise<void> {
  const metadata = { name: 'kube-dns', namespace: 'kube-system' }
  const ports = ['UDP', 'TCP'].map(protocol => {
    const name = protocol === 'UDP' ? 'dns' : 'dns-tcp'
    return { name, port: 53, protocol }
  })
  await api.create('/api/v1/namespaces/kube-system/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, labels: { 'k8s-app': 'kube-dns' } },
    spec: { clusterIP: addresses.dns, ports },
  })
  await api.create('/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kube-dns' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [addresses.node], conditions: { ready: true } }],
    ports,
  })
}
