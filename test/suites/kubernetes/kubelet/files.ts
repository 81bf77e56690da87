import { join } from 'node:path'
import { addresses } from '../cluster/network.ts'
import type { PodSpec } from '../cluster/objects.ts'

/** By the pod's dnsPolicy and dnsConfig (Kubernetes: DNS for Services and Pods). */
export function resolvConf(spec: PodSpec, namespace: string): string {
  const { dnsPolicy = 'ClusterFirst', dnsConfig = {} } = spec
  const ofCluster =
    dnsPolicy === 'ClusterFirstWithHostNet' ||
    (dnsPolicy === 'ClusterFirst' && spec.hostNetwork !== true)
  const domains = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local']
  const nameservers = [...(ofCluster ? [addresses.dns] : []), ...(dnsConfig.nameservers ?? [])]
  const searches = [...(ofCluster ? domains : []), ...(dnsConfig.searches ?? [])]
  const own = (dnsConfig.options ?? []).map(({ name, value }) =>
    value ? `${name}:${value}` : name,
  )
  const options = [...(ofCluster ? ['ndots:5'] : []), ...own]
  return [
    ...nameservers.map(server => `nameserver ${server}\n`),
    ...(searches.length > 0 ? [`search ${searches.join(' ')}\n`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}\n`] : []),
  ].join('')
}

export function hostsFile({ hostAliases = [] }: PodSpec, name: string, address: string): string {
  const own = [
    ['127.0.0.1', 'localhost'],
    ['::1', 'localhost ip6-localhost ip6-loopback'],
    [address, name],
  ]
  const given = hostAliases.map(({ ip, hostnames = [] }) => [ip, hostnames.join(' ')])
  return [...own, ...given].map(line => `${line.join('\t')}\n`).join('')
}

/** Where a container's output goes. `pod` is `namespace/name`. */
export function logOf(folder: string, pod: string, container: string): string {
  return join(folder, 'logs', `${pod.replace('/', '_')}_${container}.log`)
}
