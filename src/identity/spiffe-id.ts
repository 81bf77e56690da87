/** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`, the form every workload of the mesh has. */
export interface SpiffeId {
  readonly trustDomain: string
  readonly namespace: string
  readonly serviceAccount: string
}

/** SPIFFE-ID §2.1 and §2.2: lower case in the trust domain, no escapes, no port, no user, no empty segment. */
const pattern = /^spiffe:\/\/([a-z0-9._-]{1,255})\/ns\/([A-Za-z0-9._-]+)\/sa\/([A-Za-z0-9._-]+)$/

/** SPIFFE-ID §2.3, in bytes. */
const maxLength = 2048

/** Undefined for every other text, also for well-formed SPIFFE IDs of another shape. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > maxLength) return undefined
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, trustDomain = '', namespace = '', serviceAccount = ''] = match
  if (isRelative(namespace) || isRelative(serviceAccount)) return undefined
  return { trustDomain, namespace, serviceAccount }
}

/** @throws RangeError when a part cannot stand in a SPIFFE ID. */
export function formatSpiffeId({ trustDomain, namespace, serviceAccount }: SpiffeId): string {
  const text = `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`
  if (parseSpiffeId(text) === undefined)
    throw new RangeError(`${JSON.stringify(text)} is not a SPIFFE ID`)
  return text
}

function isRelative(segment: string): boolean {
  return segment === '.' || segment === '..'
}
