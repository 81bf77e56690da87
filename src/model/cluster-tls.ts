import { fieldsOf } from '../base/fields.ts'

/** TLS, 1.2 or newer, that the sidecar originates to endpoints beyond the mesh, never without the check of who answers. */
export interface ClusterTls {
  /** Host name or address that is asked for (SNI) and that the certificate must be for. */
  readonly serverName: string
  /** Present: the certificate must hold one of these names or URIs instead. */
  readonly subjectAltNames?: readonly string[]
  /** PEM of the CAs to believe. With `caFile` absent as well: those of the system. */
  readonly caCertificate?: string
  /** The same as a file of the sidecar's machine; read again when it changes. */
  readonly caFile?: string
  /** Present: what we prove ourselves by, if the server asks. */
  readonly client?: ClientCertificate
}

/** PEM files of the sidecar's machine; read again when they change. */
interface ClientCertificate {
  readonly certificateFile: string
  readonly keyFile: string
}

interface TlsProblem {
  /** `tls.serverName`. */
  readonly path: string
  readonly message: string
}

/** What keeps a sidecar from working by it. */
export function clusterTlsProblems(tls: unknown): TlsProblem[] {
  if (tls === undefined) return []
  const { serverName, subjectAltNames = [], caCertificate, caFile, client } = fieldsOf(tls)
  const { certificateFile, keyFile } = fieldsOf(client)
  const isGiven = client === undefined || (isText(certificateFile) && isText(keyFile))
  const areNames = Array.isArray(subjectAltNames) && subjectAltNames.every(isText)
  const checks = [
    { field: 'serverName', holds: isText(serverName), message: 'is missing' },
    { field: 'subjectAltNames', holds: areNames, message: 'is no list of names' },
    { field: 'caCertificate', holds: isTextOrAbsent(caCertificate), message: 'is no text' },
    { field: 'caFile', holds: isTextOrAbsent(caFile), message: 'is no text' },
    { field: 'client', holds: isGiven, message: 'needs certificateFile and keyFile' },
  ]
  return checks
    .filter(({ holds }) => !holds)
    .map(({ field, message }) => ({ path: `tls.${field}`, message }))
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || isText(value)
}
