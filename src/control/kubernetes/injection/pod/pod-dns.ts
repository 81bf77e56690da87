// DNS mode: the pod's resolver is the sidecar, which answers for names of the mesh and asks the cluster for all others.
import type { InjectionSettings } from '../injection-settings.ts'
import type { DnsConfig, PodSpec } from './pod.ts'

/** Lets the sidecar, which is not root, listen at port 53 and at those of Services. In Kubernetes' list of safe sysctls. */
export const lowPortsSysctl = { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }

/** As the kubelet has it for ClusterFirst: `orders`, `orders.shop` and `orders.shop.svc` are tried with these first. */
const clusterNdots = { name: 'ndots', value: '5' }

interface PodDns {
  readonly dnsPolicy: 'None'
  readonly dnsConfig: DnsConfig
  /** For the sidecar, as `10.96.0.10:53,[fd00::a]:53`. */
  readonly upstreams: string
  /** `weft-control.weft-system.svc` would not be found. */
  readonly needsWholeNames: boolean
  readonly note?: string
}

type ClusterDns = Pick<InjectionSettings, 'clusterDns' | 'clusterDomain'>

/**
 * What was the pod's own stays: further resolvers are asked after those of the cluster, further search domains and
 * options come after. The node's search domains, which the kubelet adds to ClusterFirst, are the one thing that is lost.
 */
export function podDns(spec: PodSpec, namespace: string, cluster: ClusterDns): PodDns {
  const { dnsPolicy, dnsConfig } = spec
  const own = dnsConfig?.nameservers ?? []
  const searches = dnsConfig?.searches ?? []
  const options = dnsConfig?.options ?? []
  if (dnsPolicy === 'None' || dnsPolicy === 'Default') {
    const resolvers = dnsPolicy === 'None' && own.length > 0 ? own : [...cluster.clusterDns, ...own]
    return {
      ...replacement({ searches, options }),
      upstreams: addressesOf(resolvers),
      needsWholeNames: true,
      note: noteOn(dnsPolicy, resolvers),
    }
  }
  const { clusterDomain: domain } = cluster
  const found = [`${namespace}.svc.${domain}`, `svc.${domain}`, domain]
  const hasNdots = options.some(({ name }) => name === clusterNdots.name)
  return {
    ...replacement({
      searches: [...found, ...searches.filter(search => !found.includes(search))],
      options: hasNdots ? options : [clusterNdots, ...options],
    }),
    upstreams: addressesOf([...cluster.clusterDns, ...own]),
    needsWholeNames: false,
  }
}

function replacement({
  searches,
  options,
}: Required<Pick<DnsConfig, 'searches' | 'options'>>): Pick<PodDns, 'dnsPolicy' | 'dnsConfig'> {
  return {
    dnsPolicy: 'None',
    dnsConfig: {
      nameservers: ['127.0.0.1'],
      ...(searches?.length && { searches }),
      ...(options?.length && { options }),
    },
  }
}

function noteOn(policy: 'None' | 'Default', resolvers: readonly string[]): string {
  return policy === 'None'
    ? `dnsPolicy None: the sidecar asks ${resolvers.join(', ')}, which must know the control plane's name`
    : `dnsPolicy Default: the sidecar asks the cluster's resolver ${resolvers.join(', ')} instead of the node's`
}

function addressesOf(resolvers: readonly string[]): string {
  return resolvers
    .map(address => (address.includes(':') ? `[${address}]:53` : `${address}:53`))
    .join(',')
}
