import { isIP } from 'node:net'
import { z } from 'zod'
import { positiveDurationText } from './pod/annotations.ts'
import { quantity } from './pod/quantity.ts'

const amounts = z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() })

const hostAndPort = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'must be host:port')

/** What every injected pod gets unless its annotations say otherwise; the injector's file, or the options of `weft inject`. */
export const injectionSettings = z.strictObject({
  /** Default: `weft:<version>`. */
  image: z.string().regex(/^\S+$/, 'must be the name of an image').optional(),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
  controlPlane: hostAndPort.default('weft-control.weft-system.svc:15012'),
  /** Default: what the sidecar itself takes. */
  trustDomain: z
    .string()
    .regex(/^[a-z0-9._-]{1,255}$/, 'must be lower-case letters, digits, ".", "-" and "_"')
    .optional(),
  /** `dns` needs no privilege; `transparent` has an init container with NET_ADMIN. */
  mode: z.enum(['dns', 'transparent']).default('dns'),
  /**
   * Resolvers of the cluster, which the sidecar asks in DNS mode: what the kubelet's --cluster-dns says, which is the
   * ClusterIP of Service kube-system/kube-dns. `weft install` looks it up; the default is what kubeadm makes it.
   */
  clusterDns: z
    .array(z.string().refine(text => isIP(text) !== 0, 'must be an IP address'))
    .min(1)
    .max(3)
    .default(['10.96.0.10']),
  clusterDomain: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$/, 'must be a domain such as cluster.local')
    .default('cluster.local'),
  /** No limit on CPU: a throttled sidecar slows each request of its application. */
  resources: z
    .strictObject({ requests: amounts.default({}), limits: amounts.default({}) })
    .default({ requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } }),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  accessLog: z.enum(['all', 'errors', 'off']).optional(),
  drainTimeout: positiveDurationText.optional(),
})

export type InjectionSettings = z.infer<typeof injectionSettings>
