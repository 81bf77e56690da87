import { isIP } from 'node:net'
import { z } from 'zod'
import { isWildcard } from '../service.ts'
import { metadata, namespace, port, serviceName, status } from './common.ts'

const hostPattern =
  /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/

const hostName = z.string().max(253).regex(hostPattern, 'must be a host name in lower case')

/** `*` stands for one label or more. */
const calledHost = z
  .string()
  .max(255)
  .refine(
    text => hostPattern.test(text.replace(/^\*\./, '')),
    'must be a host name in lower case, which may begin with "*."',
  )

/** What is spoken there. `tls`: the application does TLS itself, and its bytes are passed on as they are. */
const protocols = ['http', 'http2', 'grpc', 'tls', 'tcp'] as const

const entryPort = z.strictObject({
  number: port.describe('As applications call it.'),
  name: z.string().min(1).max(63).optional(),
  protocol: z
    .enum(protocols)
    .describe('`tls`: the application does TLS itself, and its bytes are passed on as they are.'),
  targetPort: port.optional().describe('Where it is really served. Default: `number`.'),
})

const ports = z
  .array(entryPort)
  .min(1)
  .max(16)
  .superRefine((list, context) => {
    for (const [index, { number }] of list.entries())
      if (list.slice(0, index).some(other => other.number === number)) {
        const message = `port ${number} is given twice`
        context.addIssue({ code: 'custom', path: [index, 'number'], message })
      }
  })

const endpoint = z.strictObject({
  address: z.union([hostName, z.string().refine(text => isIP(text) !== 0)], {
    message: 'must be an address or a host name',
  }),
  port: port.optional().describe('Default: `targetPort` of the port.'),
})

const file = z.string().min(1)

const tls = z
  .strictObject({
    mode: z
      .enum(['none', 'simple', 'mutual'])
      .default('simple')
      .describe('`mutual` proves who we are as well, by a certificate of the sidecar’s machine.'),
    sni: hostName
      .optional()
      .describe('Name that is asked for, and that the certificate must be for. Default: the host.'),
    subjectAltNames: z
      .array(z.string().min(1).max(1024))
      .min(1)
      .max(64)
      .optional()
      .describe('The certificate must hold one of these names or URIs instead.'),
    caFile: file
      .optional()
      .describe(
        'PEM of the CAs to believe, on the sidecar’s machine. Default: those of the system.',
      ),
    caCertificate: z
      .string()
      .max(65_536)
      .regex(/-----BEGIN CERTIFICATE-----/, 'must be PEM')
      .optional()
      .describe('The same, written here.'),
    clientCertificateFile: file.optional().describe('PEM, on the sidecar’s machine.'),
    privateKeyFile: file.optional().describe('PEM, on the sidecar’s machine.'),
  })
  .superRefine((given, context) => {
    const report = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message })
    const { mode, caFile, caCertificate, clientCertificateFile, privateKeyFile } = given
    if (caFile !== undefined && caCertificate !== undefined)
      report('caCertificate', 'give this or caFile')
    for (const [field, value] of Object.entries({ clientCertificateFile, privateKeyFile })) {
      if (mode === 'mutual' && value === undefined) report(field, 'is needed in the mode mutual')
      if (mode !== 'mutual' && value !== undefined) report(field, 'needs the mode mutual')
    }
  })

const spec = z
  .strictObject({
    hosts: z
      .array(calledHost)
      .min(1)
      .max(64)
      .refine(hosts => new Set(hosts).size === hosts.length, 'names a host twice')
      .describe('Names that applications call; `*.example.com` stands for all below it.'),
    ports,
    resolution: z
      .enum(['dns', 'static'])
      .default('dns')
      .describe(
        '`dns`: sidecars resolve the names, again and again. `static`: `endpoints` are addresses.',
      ),
    endpoints: z
      .array(endpoint)
      .max(64)
      .default([])
      .describe('Where it is. Default: what the host itself leads to.'),
    tls: tls
      .optional()
      .describe('TLS that sidecars originate. Absent: the application’s bytes alone.'),
    exportTo: z
      .array(z.union([z.literal('*'), z.literal('.'), namespace]))
      .min(1)
      .max(64)
      .default(['*'])
      .describe('Namespaces that may call it; "." is its own, "*" all.'),
  })
  .superRefine(({ hosts, resolution, endpoints, tls: originated, ports: list }, context) => {
    const report = (path: readonly PropertyKey[], message: string): void =>
      context.addIssue({ code: 'custom', path: [...path], message })
    if (resolution === 'static' && endpoints.length === 0)
      report(['endpoints'], 'must hold the addresses, since resolution is static')
    if (endpoints.length > 0 && hosts.some(isWildcard))
      report(['endpoints'], 'of a wildcard are its hosts themselves: leave this out')
    for (const [index, { address }] of endpoints.entries())
      if (resolution === 'static' && isIP(address) === 0)
        report(
          ['endpoints', index, 'address'],
          `${JSON.stringify(address)} is a name: write resolution: dns`,
        )
    const originates = originated !== undefined && originated.mode !== 'none'
    if (originates && list.every(({ protocol }) => protocol === 'tls'))
      report(['tls'], 'is of no use: on ports of the protocol tls the application does TLS itself')
  })

/** weft.dev/v1alpha1 ServiceEntry, by Istio's words: a service beyond the mesh, which sidecars know as any other. */
export const serviceEntryKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('ServiceEntry'),
  metadata: metadata(serviceName),
  spec,
  status,
})

export type ServiceEntryResource = z.output<typeof serviceEntryKind>
export type ServiceEntryPort = z.output<typeof entryPort>
export type ServiceEntryProtocol = (typeof protocols)[number]
