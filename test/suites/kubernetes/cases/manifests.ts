const template = (spec: object, labels = { app: 'sample' }): object => ({
  metadata: { labels },
  spec,
})

const container = { name: 'main', image: 'registry.example/sample:1.2.3' }

function apps(kind: string, spec: object): object {
  const selector = { matchLabels: { app: 'sample' } }
  return { apiVersion: 'apps/v1', kind, metadata: { name: 'sample' }, spec: { selector, ...spec } }
}

function batch(kind: string, spec: object): object {
  return { apiVersion: 'batch/v1', kind, metadata: { name: 'sample' }, spec }
}

/** The shapes in which people write workloads. */
export const manifests: Readonly<Record<string, object>> = {
  'a Deployment of a web server': apps('Deployment', {
    replicas: 3,
    template: template({
      containers: [
        {
          ...container,
          ports: [{ name: 'http', containerPort: 8080 }],
          livenessProbe: { httpGet: { path: '/live', port: 'http' }, periodSeconds: 5 },
          readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        },
      ],
    }),
  }),
  'a Deployment with containers before and beside it': apps('Deployment', {
    template: template({
      serviceAccountName: 'sample',
      initContainers: [
        { name: 'migrate', image: 'registry.example/migrate:1', command: ['migrate', 'up'] },
        { name: 'logs', image: 'registry.example/logs:1', restartPolicy: 'Always' },
      ],
      containers: [container, { name: 'cache', image: 'registry.example/cache:7' }],
      volumes: [{ name: 'data', emptyDir: {} }],
    }),
  }),
  'a Deployment with gRPC and TCP probes': apps('Deployment', {
    strategy: { type: 'Recreate' },
    template: template({
      containers: [
        {
          ...container,
          ports: [{ containerPort: 9000 }, { containerPort: 5432 }],
          startupProbe: { grpc: { port: 9000, service: 'ready' }, failureThreshold: 30 },
          livenessProbe: { tcpSocket: { port: 5432 } },
          lifecycle: { preStop: { httpGet: { path: '/stop', port: 9000 } } },
        },
      ],
    }),
  }),
  'a Deployment with metrics and settings of its own': apps('Deployment', {
    template: {
      metadata: {
        labels: { app: 'sample' },
        annotations: {
          'prometheus.io/scrape': 'true',
          'prometheus.io/port': '9102',
          'weft.dev/log-level': 'debug',
          'weft.dev/skip-inbound-ports': '9102',
        },
      },
      spec: { containers: [{ ...container, ports: [{ containerPort: 9102 }] }] },
    },
  }),
  'a StatefulSet with claims': apps('StatefulSet', {
    serviceName: 'sample',
    replicas: 3,
    podManagementPolicy: 'Parallel',
    template: template({
      terminationGracePeriodSeconds: 120,
      containers: [{ ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    }),
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  }),
  'a DaemonSet': apps('DaemonSet', {
    template: template({
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          ...container,
          env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
        },
      ],
    }),
  }),
  'a ReplicaSet with its own DNS settings': apps('ReplicaSet', {
    template: template({
      dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['legacy'] }],
      containers: [container],
    }),
  }),
  'a Job': batch('Job', {
    backoffLimit: 2,
    ttlSecondsAfterFinished: 60,
    template: template({
      restartPolicy: 'OnFailure',
      containers: [{ ...container, args: ['--once'] }],
    }),
  }),
  'a CronJob': batch('CronJob', {
    schedule: '*/5 * * * *',
    concurrencyPolicy: 'Forbid',
    jobTemplate: {
      spec: { template: template({ restartPolicy: 'Never', containers: [container] }) },
    },
  }),
  'a single Pod under the restricted profile': {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'sample' },
    spec: {
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          ...container,
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  },
}
