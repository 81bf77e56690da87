// What of a pod the injector reads. All else passes through untouched, whatever version of Kubernetes it is from.
import { z } from 'zod'

const port = z.union([z.int(), z.string()])
const texts = z.record(z.string(), z.string('must be text: put it in quotes'))

const httpGet = z.looseObject({
  host: z.string().nullish(),
  port,
  path: z.string().nullish(),
  scheme: z.string().nullish(),
  httpHeaders: z.array(z.looseObject({ name: z.string(), value: z.string() })).nullish(),
})
const tcpSocket = z.looseObject({ host: z.string().nullish(), port })
const grpc = z.looseObject({ port: z.int(), service: z.string().nullish() })

const handler = z.looseObject({
  httpGet: httpGet.nullish(),
  tcpSocket: tcpSocket.nullish(),
  grpc: grpc.nullish(),
})
const probe = z.looseObject({ ...handler.shape, timeoutSeconds: z.int().nullish() })

const containerPort = z.looseObject({
  name: z.string().nullish(),
  containerPort: z.int(),
  protocol: z.string().nullish(),
})

const userIds = z.looseObject({ runAsUser: z.int().nullish() })

const container = z.looseObject({
  name: z.string(),
  ports: z.array(containerPort).nullish(),
  /** `Always` makes a native sidecar of an init container. */
  restartPolicy: z.string().nullish(),
  livenessProbe: probe.nullish(),
  readinessProbe: probe.nullish(),
  startupProbe: probe.nullish(),
  lifecycle: z.looseObject({ postStart: handler.nullish(), preStop: handler.nullish() }).nullish(),
  securityContext: userIds.nullish(),
})

const named = z.looseObject({ name: z.string() })

const dnsConfig = z.looseObject({
  nameservers: z.array(z.string()).nullish(),
  searches: z.array(z.string()).nullish(),
  options: z.array(z.looseObject({ name: z.string(), value: z.string().nullish() })).nullish(),
})

const spec = z.looseObject({
  hostNetwork: z.boolean().nullish(),
  shareProcessNamespace: z.boolean().nullish(),
  os: named.nullish(),
  nodeSelector: z.record(z.string(), z.string()).nullish(),
  restartPolicy: z.string().nullish(),
  terminationGracePeriodSeconds: z.int().nullish(),
  securityContext: z
    .looseObject({
      ...userIds.shape,
      sysctls: z.array(z.looseObject({ name: z.string(), value: z.string() })).nullish(),
    })
    .nullish(),
  dnsPolicy: z.string().nullish(),
  dnsConfig: dnsConfig.nullish(),
  containers: z.array(container).min(1, 'must name at least one container'),
  initContainers: z.array(container).nullish(),
  volumes: z.array(named).nullish(),
})

export const podSchema = z.looseObject({
  metadata: z
    .looseObject({
      namespace: z.string().nullish(),
      labels: texts.nullish(),
      annotations: texts.nullish(),
    })
    .nullish(),
  spec,
})

export type Pod = z.infer<typeof podSchema>
export type PodSpec = Pod['spec']
export type Container = z.infer<typeof container>
export type Handler = z.infer<typeof handler>
export type DnsConfig = z.infer<typeof dnsConfig>

export function isNativeSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always'
}

/** Those that run as long as the pod does. */
export function lastingContainers({ containers, initContainers }: PodSpec): readonly Container[] {
  return [...(initContainers ?? []).filter(isNativeSidecar), ...containers]
}

/** Of `terminationGracePeriodSeconds`. */
export const defaultGraceSeconds = 30

/** With no object in two places, which YAML's aliases bring about: a change of one would be a change of both. */
export function copyPod(pod: Pod): Pod {
  return JSON.parse(JSON.stringify(pod)) as Pod
}
