import { addresses } from '../cluster/network.ts'
import type { Pod } from '../cluster/objects.ts'

/** What a pod is told of itself, by the path of a `fieldRef`. @throws for a path that there is not. */
export function downwardField(pod: Pod, podIp: string, path: string): string {
  const { metadata, spec } = pod
  const [, of, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? []
  if (of !== undefined && key !== undefined)
    return metadata[of as 'labels' | 'annotations']?.[key] ?? ''
  switch (path) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'metadata.labels':
      return lines(metadata.labels)
    case 'metadata.annotations':
      return lines(metadata.annotations)
    case 'spec.nodeName':
      return spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default'
    case 'status.podIP':
    case 'status.podIPs':
      return podIp
    case 'status.hostIP':
    case 'status.hostIPs':
      return addresses.node
    default:
      throw new Error(`there is no field ${path}`)
  }
}

function lines(values: Readonly<Record<string, string>> = {}): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')
}
