import t from 'tap'
import {
  injectPod,
  uninjectPod,
} from '../../../../../src/control/kubernetes/injection/inject-pod.ts'
import { injectionSettings } from '../../../../../src/control/kubernetes/injection/injection-settings.ts'
import type { InjectionContext } from '../../../../../src/control/kubernetes/injection/injection.ts'

const context: InjectionContext = {
  namespace: 'shop',
  settings: injectionSettings.parse({}),
  version: '1.2.3',
}
const transparent: InjectionContext = {
  ...context,
  settings: injectionSettings.parse({ mode: 'transparent' }),
}

const web = {
  name: 'web',
  image: 'web:1',
  ports: [{ name: 'http', containerPort: 8080 }],
  livenessProbe: { httpGet: { path: '/live', port: 'http' }, periodSeconds: 3 },
}

function podOf(spec: object = {}, annotations?: Record<string, string>) {
  return {
    metadata: { labels: { app: 'web' }, ...(annotations && { annotations }) },
    spec: { containers: [web], ...spec },
  }
}

// Loose, so that tests can walk through it.
// oxlint-disable-next-line typescript/no-explicit-any
function injected(pod: unknown, within = context): any {
  const result = injectPod(pod, within)
  if (!('injected' in result)) throw new Error(JSON.stringify(result))
  return result.injected
}

function refusals(pod: unknown, within = context): string[] {
  const result = injectPod(pod, within)
  if (!('refused' in result)) throw new Error(JSON.stringify(result))
  return result.refused.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

t.test(
  'the sidecar is the first init container, native, and gates the others by its startup probe',
  async t => {
    const pod = podOf({ initContainers: [{ name: 'migrate', image: 'm' }] })
    const { spec } = injected(pod)
    t.same(
      spec.initContainers.map(({ name }: { name: string }) => name),
      ['weft-proxy', 'migrate'],
    )
    const [proxy] = spec.initContainers
    t.equal(proxy.restartPolicy, 'Always')
    t.same(proxy.startupProbe.httpGet, { path: '/ready', port: 15_020 })
    t.equal(proxy.startupProbe.periodSeconds, 1)
    t.ok(proxy.startupProbe.failureThreshold >= 300)
    t.equal(proxy.image, 'weft:1.2.3')
    t.same(proxy.ports, [{ name: 'weft-metrics', containerPort: 15_020, protocol: 'TCP' }])
    t.same(spec.containers.length, 1)
  },
)

t.test('in DNS mode all that is added keeps to the restricted profile', async t => {
  const { spec } = injected(podOf())
  const added = spec.initContainers
  for (const { securityContext } of added) {
    t.equal(securityContext.runAsNonRoot, true)
    t.equal(securityContext.runAsUser, 1337)
    t.equal(securityContext.allowPrivilegeEscalation, false)
    t.equal(securityContext.readOnlyRootFilesystem, true)
    t.same(securityContext.capabilities, { drop: ['ALL'] })
    t.same(securityContext.seccompProfile, { type: 'RuntimeDefault' })
  }
  t.same(
    spec.volumes.flatMap((volume: object) => Object.keys(volume).filter(key => key !== 'name')),
    ['projected', 'configMap', 'emptyDir'],
  )
  t.same(spec.securityContext.sysctls, [
    { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
  ])
})

t.test(
  'in transparent mode an init container with two capabilities comes before, and DNS stays as it is',
  async t => {
    const pod = podOf(
      { dnsPolicy: 'Default' },
      { 'weft.dev/skip-inbound-ports': '8080, 9', 'weft.dev/skip-outbound-ports': '5432' },
    )
    const { spec } = injected(pod, transparent)
    const [init, proxy] = spec.initContainers
    t.same([init.name, proxy.name], ['weft-init', 'weft-proxy'])
    t.same(init.args, [
      'init',
      '--uid=1337',
      '--exclude-inbound-ports=8080,9',
      '--exclude-outbound-ports=5432',
    ])
    t.same(init.securityContext.capabilities, { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] })
    t.equal(init.restartPolicy, undefined)
    t.equal(spec.dnsPolicy, 'Default')
    t.equal(spec.securityContext, undefined)
    const env = environmentOf(proxy)
    t.equal(env['WEFT_TRANSPARENT'], 'on')
    t.equal(env['WEFT_DNS'], undefined)
    t.equal(env['WEFT_APPLICATION_PORTS'], undefined, 'its one port is skipped')
    t.same(proxy.securityContext.capabilities, { drop: ['ALL'] })
  },
)

function environmentOf(container: {
  env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[]
}): Record<string, string | undefined> {
  return Object.fromEntries(
    container.env.map(({ name, value, valueFrom }) => [
      name,
      value ?? valueFrom?.fieldRef.fieldPath,
    ]),
  )
}

t.test('the sidecar learns from its environment who it is and what stands beside it', async t => {
  const settings = injectionSettings.parse({
    controlPlane: 'weft-control.mesh.svc:15012',
    trustDomain: 'corp.example',
    clusterDns: ['10.0.0.10', 'fd00::a'],
    logLevel: 'debug',
    accessLog: 'all',
  })
  const pod = podOf(
    {
      containers: [
        { ...web, ports: [...web.ports, { containerPort: 4000, protocol: 'UDP' }] },
        { name: 'b', ports: [{ containerPort: 9090, protocol: 'TCP' }, { containerPort: 8080 }] },
      ],
    },
    { 'weft.dev/upstreams': 'orders=4101', 'weft.dev/access-log': 'off' },
  )
  const [proxy] = injected(pod, { ...context, settings }).spec.initContainers
  t.same(environmentOf(proxy), {
    WEFT_WORKLOAD: 'metadata.name',
    WEFT_NAMESPACE: 'metadata.namespace',
    WEFT_SERVICE_ACCOUNT: 'spec.serviceAccountName',
    WEFT_ADVERTISE: 'status.podIP',
    WEFT_CONTROL_PLANE: 'weft-control.mesh.svc:15012',
    WEFT_TRUST_DOMAIN: 'corp.example',
    WEFT_TRUST_BUNDLE: '/var/run/weft/trust/trust-bundle.pem',
    WEFT_TOKEN_FILE: '/var/run/secrets/weft/token',
    WEFT_STATE: '/var/lib/weft',
    WEFT_APPLICATION_PORTS: '8080,9090',
    WEFT_APPLICATION_PROBES:
      '{"/app-health/web/livez":{"kind":"http","path":"/live","port":8080,"timeoutMs":1000}}',
    WEFT_UPSTREAMS: 'orders=4101',
    WEFT_DNS: 'on',
    WEFT_DNS_UPSTREAMS: '10.0.0.10:53,[fd00::a]:53',
    WEFT_DRAIN_TIMEOUT: '29s',
    WEFT_ACCESS_LOG: 'off',
    WEFT_LOG_LEVEL: 'debug',
  })
})

t.test('annotations set image, resources, log and drain of one pod', async t => {
  const pod = podOf(
    { terminationGracePeriodSeconds: 120 },
    {
      'weft.dev/proxy-image': 'registry/weft:edge',
      'weft.dev/proxy-cpu-request': '100m',
      'weft.dev/proxy-cpu-limit': '1',
      'weft.dev/proxy-memory-limit': '64Mi',
      'weft.dev/log-level': 'warn',
      'weft.dev/drain-timeout': '90s',
    },
  )
  const [proxy] = injected(pod).spec.initContainers
  t.equal(proxy.image, 'registry/weft:edge')
  t.same(proxy.resources, {
    // The default request gives way.
    requests: { cpu: '100m', memory: '64Mi' },
    limits: { cpu: '1', memory: '64Mi' },
  })
  t.equal(environmentOf(proxy)['WEFT_LOG_LEVEL'], 'warn')
  t.equal(environmentOf(proxy)['WEFT_DRAIN_TIMEOUT'], '90s')
})

t.test('the drain ends before the kubelet kills', async t => {
  const drain = (terminationGracePeriodSeconds: number) =>
    environmentOf(injected(podOf({ terminationGracePeriodSeconds })).spec.initContainers[0])[
      'WEFT_DRAIN_TIMEOUT'
    ]
  t.equal(drain(10), '9s')
  t.equal(drain(0), '1s')
  t.equal(drain(300), undefined)
})

t.test('what the kubelet would expand in a variable is escaped', async t => {
  const probe = { httpGet: { path: '/$(HOME)$$x', port: 1 } }
  const [proxy] = injected(podOf({ containers: [{ name: 'a', livenessProbe: probe }] })).spec
    .initContainers
  t.match(environmentOf(proxy)['WEFT_APPLICATION_PROBES'], '/$$(HOME)$$$$x')
})

t.test(
  'DNS leads to the sidecar, and further resolvers, search domains and options of the pod stay',
  async t => {
    const dnsConfig = {
      nameservers: ['192.0.2.53'],
      searches: ['corp.example', 'cluster.local'],
      options: [{ name: 'timeout', value: '1' }],
    }
    const { spec } = injected(podOf({ dnsConfig }))
    t.equal(spec.dnsPolicy, 'None')
    t.same(spec.dnsConfig, {
      nameservers: ['127.0.0.1'],
      searches: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example'],
      options: [
        { name: 'ndots', value: '5' },
        { name: 'timeout', value: '1' },
      ],
    })
    t.equal(
      environmentOf(spec.initContainers[0])['WEFT_DNS_UPSTREAMS'],
      '10.96.0.10:53,192.0.2.53:53',
    )
    const own = injected(podOf({ dnsConfig: { options: [{ name: 'ndots', value: '2' }] } })).spec
    t.same(own.dnsConfig.options, [{ name: 'ndots', value: '2' }])
  },
)

t.test(
  'a DNS policy of the pod itself stays as far as it can, and a note tells the rest',
  async t => {
    const dnsConfig = { nameservers: ['192.0.2.53'], searches: ['corp.example'] }
    const none = injectPod(podOf({ dnsPolicy: 'None', dnsConfig }), context)
    if (!('injected' in none)) return t.fail()
    t.same(none.injected.spec.dnsConfig, { nameservers: ['127.0.0.1'], searches: ['corp.example'] })
    const [proxy] = injected(podOf({ dnsPolicy: 'None', dnsConfig })).spec.initContainers
    t.match(environmentOf(proxy), {
      WEFT_DNS_UPSTREAMS: '192.0.2.53:53',
      WEFT_CONTROL_PLANE: 'weft-control.weft-system.svc.cluster.local:15012',
    })
    t.match(none.notes, [/dnsPolicy None.*192\.0\.2\.53/])
    const node = injectPod(podOf({ dnsPolicy: 'Default' }), context)
    t.match('notes' in node && node.notes, [/dnsPolicy Default.*10\.96\.0\.10/])
    return undefined
  },
)

t.test('pods that cannot or should not have a sidecar are left alone', async t => {
  const skip = (pod: unknown, within = context) => injectPod(pod, within)
  t.same(skip(podOf({ hostNetwork: true })), { skipped: 'host-network' })
  t.same(skip(podOf({ os: { name: 'windows' } })), { skipped: 'windows' })
  t.same(skip(podOf({ nodeSelector: { 'kubernetes.io/os': 'windows' } })), { skipped: 'windows' })
  for (const value of ['false', 'disabled']) {
    t.same(skip(podOf({}, { 'weft.dev/inject': value })), { skipped: 'disabled' })
    t.same(skip({ ...podOf(), metadata: { labels: { 'weft.dev/inject': value } } }), {
      skipped: 'disabled',
    })
  }
  for (const namespace of ['kube-system', 'kube-public', 'kube-node-lease', 'weft-system'])
    t.same(skip(podOf({}, { 'weft.dev/inject': 'true' }), { ...context, namespace }), {
      skipped: 'system-namespace',
    })
})

t.test('a pod with a sidecar is left alone, or gets what the settings say now', async t => {
  const once = injected(podOf())
  t.same(injectPod(once, context), { skipped: 'already-injected' })
  const replace: InjectionContext = { ...context, present: 'replace' }
  t.equal(injected(once, replace), once, 'nothing changed: the very same')
  const settings = injectionSettings.parse({ image: 'weft:2', mode: 'transparent' })
  const anew: InjectionContext = { ...replace, settings, version: '2.0.0' }
  t.same(injected(once, anew), injected(podOf(), anew))
})

t.test('a pod is never changed in place', async t => {
  const frozen = deepFreeze(podOf({ dnsConfig: { searches: ['a'] }, securityContext: {} }))
  const once = deepFreeze(injected(frozen))
  t.same(uninjectPod(once), { uninjected: frozen })
  // What comes out shares nothing with what the next one is made of.
  injected(podOf()).spec.volumes[0].name = 'changed'
  t.equal(injected(podOf()).spec.volumes[0].name, 'weft-token')
})

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}

t.test('all of a pod that is wrong is told at once, with its place', async t => {
  const pod = podOf(
    {},
    {
      'weft.dev/mod': 'dns',
      'weft.dev/mode': 'magic',
      'weft.dev/skip-inbound-ports': '80,http',
      'weft.dev/proxy-memory-limit': 'lots',
      'weft.dev/log-level': 'loud',
      'weft.dev/upstreams': 'orders',
      'weft.dev/drain-timeout': '2h',
      'other.dev/mode': 'x',
    },
  )
  t.same(refusals(pod), [
    'metadata.annotations.weft.dev/mod: unknown annotation; did you mean "weft.dev/mode"?',
    'metadata.annotations.weft.dev/mode: must be "dns" or "transparent"',
    'metadata.annotations.weft.dev/skip-inbound-ports: must be at most 100 ports separated by commas, such as 25,5432; "http" is wrong',
    'metadata.annotations.weft.dev/proxy-memory-limit: must be a quantity such as 100m, 0.5 or 64Mi',
    'metadata.annotations.weft.dev/log-level: must be debug, info, warn or error',
    'metadata.annotations.weft.dev/upstreams: must be <service>=<local port>, separated by commas, such as orders=4101,payments.shop:80=4102',
    'metadata.annotations.weft.dev/drain-timeout: must be a duration such as 30s or 1m30s, at most 1h',
  ])
})

t.test('settings that contradict each other are refused', async t => {
  t.match(refusals(podOf({}, { 'weft.dev/skip-outbound-ports': '5432' })), [
    /needs weft.dev\/mode: transparent/,
  ])
  t.match(
    refusals(podOf({}, { 'weft.dev/proxy-cpu-request': '2', 'weft.dev/proxy-cpu-limit': '500m' })),
    [/2 is more than the limit of 500m/],
  )
  t.match(refusals(podOf({}, { 'weft.dev/drain-timeout': '31s' })), [
    /longer than .* of 30: raise that too/,
  ])
  const both = podOf({}, { 'weft.dev/inject': 'true' })
  t.match(
    refusals({ ...both, metadata: { ...both.metadata, labels: { 'weft.dev/inject': 'maybe' } } }),
    [/must be "true"/],
  )
  const opposite = {
    ...both,
    metadata: { ...both.metadata, labels: { 'weft.dev/inject': 'disabled' } },
  }
  t.match(refusals(opposite), [/opposite of the annotation/])
  const sysctls = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '1024' }]
  t.match(refusals(podOf({ securityContext: { sysctls } })), [/DNS mode needs port 53/])
})

t.test('a sysctl that is low enough stays the only one', async t => {
  const sysctls = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '53' }]
  t.same(injected(podOf({ securityContext: { sysctls, fsGroup: 1 } })).spec.securityContext, {
    sysctls,
    fsGroup: 1,
  })
})

t.test('names, ports and users of the sidecar are its own', async t => {
  t.match(refusals(podOf({ containers: [{ name: 'weft-proxy' }] })), [
    /^spec.containers.0.name: the name weft-proxy is taken/,
  ])
  t.match(refusals(podOf({ volumes: [{ name: 'weft-token' }] })), [/^spec.volumes.0.name/])
  const onPort = (containerPort: number) =>
    podOf({ containers: [{ name: 'a', ports: [{ containerPort }] }] })
  t.match(refusals(onPort(15_008)), [
    /^spec.containers.0.ports.0.containerPort: 15008 is a port of the sidecar/,
  ])
  t.match(refusals(onPort(53)), [/mode: transparent/])
  t.ok(injected(onPort(53), transparent))
  t.match(refusals(onPort(15_006), transparent), [/15006/])
  const asSidecar = podOf({ securityContext: { runAsUser: 1337 } })
  t.match(refusals(asSidecar, transparent), [/weft.dev\/mode: dns/])
  t.ok(injected(asSidecar))
  const shared = podOf({
    shareProcessNamespace: true,
    containers: [{ name: 'a', securityContext: { runAsUser: 1337 } }],
  })
  t.match(refusals(shared), [/^spec.containers.0.securityContext.runAsUser/])
})

t.test(
  'without native sidecars it is the first container, and the others wait for its hook',
  async t => {
    const legacy = { 'weft.dev/native-sidecar': 'false' }
    const { spec, metadata } = injected(podOf({}, legacy))
    t.same(
      spec.containers.map(({ name }: { name: string }) => name),
      ['weft-proxy', 'web'],
    )
    t.equal(spec.initContainers, undefined)
    t.equal(spec.containers[0].restartPolicy, undefined)
    t.same(spec.containers[0].lifecycle.postStart.exec.command.slice(0, 3), [
      'weft',
      'ready',
      '--wait',
    ])
    t.equal(metadata.annotations['kubectl.kubernetes.io/default-container'], 'web')
    t.match(refusals(podOf({ restartPolicy: 'OnFailure' }, legacy)), [/goes on for ever/])
    t.match(refusals(podOf({}, legacy), { ...context, workloadKind: 'Job' }), [/goes on for ever/])
    const init = { initContainers: [{ name: 'migrate' }] }
    t.match(refusals(podOf(init, legacy)), [/would have no DNS/])
    t.same(
      injected(podOf(init, legacy), transparent).spec.initContainers.map(
        ({ name }: { name: string }) => name,
      ),
      ['migrate', 'weft-init'],
      'what init containers send is not captured while nobody takes it',
    )
  },
)

t.test('kubectl finds the application first, unless the pod says otherwise', async t => {
  const name = 'kubectl.kubernetes.io/default-container'
  t.equal(injected(podOf()).metadata.annotations[name], 'web')
  const own = injected(podOf({}, { [name]: 'other' })).metadata.annotations
  t.equal(own[name], 'other')
  t.equal(own['kubectl.kubernetes.io/default-logs-container'], 'web')
})

t.test('a Job of which the sidecar is native needs nothing else to end', async t => {
  const { spec } = injected(podOf({ restartPolicy: 'Never' }), { ...context, workloadKind: 'Job' })
  t.equal(spec.restartPolicy, 'Never')
  t.equal(spec.initContainers[0].restartPolicy, 'Always')
})

t.test('what is no pod is refused with the place', async t => {
  t.match(refusals(null), [/expected object/])
  t.match(refusals({ metadata: {} }), [/^spec: /])
  t.match(refusals({ spec: { containers: [] } }), [/^spec.containers: must name at least one/])
  t.match(refusals({ spec: { containers: [{ image: 'x' }] } }), [/^spec.containers.0.name/])
  t.match(
    refusals({ metadata: { annotations: { a: true } }, spec: { containers: [{ name: 'a' }] } }),
    [/^metadata.annotations.a: must be text: put it in quotes/],
  )
})

t.test('a status annotation that fits nothing here takes nothing away', async t => {
  const once = injected(podOf())
  const status = once.metadata.annotations['weft.dev/status']
  t.match(refusals(podOf({}, { 'weft.dev/status': status })), [/does not fit this pod/])
  t.match(refusals(podOf({}, { 'weft.dev/status': '{' })), [/does not fit this pod/])
  const forged = JSON.stringify({ ...JSON.parse(status), containers: ['web'], initContainers: [] })
  t.match(refusals(podOf({}, { 'weft.dev/status': forged })), [/does not fit this pod/])
})

t.test('undoing leaves what people changed meanwhile', async t => {
  const once = injected(podOf({}, { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080' }))
  once.spec.containers[0].livenessProbe.periodSeconds = 9
  once.spec.containers.push({ name: 'added' })
  once.spec.volumes.unshift({ name: 'data', emptyDir: {} })
  once.metadata.annotations.mine = 'yes'
  t.same(uninjectPod(once), {
    uninjected: {
      metadata: {
        labels: { app: 'web' },
        annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080', mine: 'yes' },
      },
      spec: {
        containers: [
          { ...web, livenessProbe: { ...web.livenessProbe, periodSeconds: 9 } },
          { name: 'added' },
        ],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    },
  })
  t.equal(uninjectPod(podOf()), undefined)
})
