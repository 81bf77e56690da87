import { Document } from 'yaml'

/** An object of Kubernetes' API, as it is applied. */
export interface KubernetesManifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** An object with what it is for, in the words of whoever reads it before applying it. */
export interface Manifest {
  readonly comment: string
  readonly object: KubernetesManifest
}

/** One document each, in the order that they are applied in. */
export function formatManifests(manifests: readonly Manifest[]): string {
  return manifests.map(formatManifest).join('')
}

function formatManifest({ comment, object }: Manifest): string {
  const document = new Document(object, { aliasDuplicateObjects: false })
  const lines = comment.split('\n').map(line => `# ${line}\n`)
  return `---\n${lines.join('')}${document.toString({ lineWidth: 110 })}`
}
