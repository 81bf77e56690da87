// What can be chosen of an installation: the options of `weft install`, and the values of the Helm chart, which are the same.
import { z } from 'zod'
import { injectionSettings } from '../../../control/kubernetes/injection/injection-settings.ts'
import { quantity } from '../../../control/kubernetes/injection/pod/quantity.ts'

const amounts = z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() })
const resources = z.strictObject({ requests: amounts.default({}), limits: amounts.default({}) })

/** What the injector knows from elsewhere is not said twice. */
const injection = injectionSettings.omit({
  image: true,
  imagePullPolicy: true,
  controlPlane: true,
  trustDomain: true,
})

export const installSettings = z.strictObject({
  image: z
    .string()
    .regex(/^\S+$/, 'must be the name of an image')
    .optional()
    .describe('Of the control plane and the sidecars. Default: weft:<version>.'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
  imagePullSecrets: z
    .array(z.string().min(1))
    .default([])
    .describe('Names of Secrets in weft-system, for the control plane.'),
  trustDomain: z
    .string()
    .regex(/^[a-z0-9._-]{1,255}$/, 'must be lower-case letters, digits, ".", "-" and "_"')
    .default('weft.local')
    .describe('First part of every identity. Changing it later means restarting every pod.'),
  replicas: z
    .int()
    .min(1)
    .max(50)
    .default(2)
    .describe('Of the control plane; with autoscaling, at least.'),
  autoscaling: z
    .strictObject({
      enabled: z.boolean().default(true),
      maxReplicas: z.int().min(1).max(100).default(5),
      cpuPercent: z.int().min(1).max(100).default(80).describe('Of what is requested, aimed at.'),
    })
    .prefault({}),
  resources: resources
    .default({ requests: { cpu: '100m', memory: '192Mi' }, limits: { memory: '512Mi' } })
    .describe('Of the control plane. No limit on CPU: throttling would delay every push.'),
  nodeSelector: z.record(z.string(), z.string()).default({}),
  tolerations: z.array(z.record(z.string(), z.json())).default([]),
  priorityClassName: z.string().min(1).optional().describe('Such as system-cluster-critical.'),
  podDisruptionBudget: z.boolean().default(true),
  networkPolicy: z.boolean().default(true),
  podMonitor: z
    .boolean()
    .default(false)
    .describe('For the Prometheus operator, whose CRDs must be there.'),
  customResources: z.boolean().default(true).describe('Whether the CRDs of weft.dev come with it.'),
  injection: injection.prefault({}).describe('What every injected pod gets.'),
})

export type InstallSettings = z.infer<typeof installSettings>
