import { z } from 'zod'

export const kubernetesSettings = z.strictObject({
  server: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Of the API. Default: that of the cluster in which the control plane runs.'),
  tokenFile: z.string().min(1).default('/var/run/secrets/kubernetes.io/serviceaccount/token'),
  caFile: z.string().min(1).default('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt'),
  deployment: z
    .string()
    .regex(/^[a-z0-9{}.-]{1,253}$/)
    .default('{name}')
    .describe("Name of a function's Deployment, with {name} for its own; in its own namespace."),
  instancesPerHost: z.int().min(1).max(1000).default(1).describe('Of one pod.'),
})

export type KubernetesSettings = z.output<typeof kubernetesSettings>
