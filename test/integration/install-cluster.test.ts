// The whole life of an installation in a real API server: what is printed applies, is enough, and goes again.
import { customResources } from '../../src/cli/kubernetes/manifests/custom-resources.ts'
import { execFileSync, spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { pino } from 'pino'
import { Writable } from 'node:stream'
import { parseAllDocuments } from 'yaml'
import { wallNow } from '../../src/base/clock.ts'
import { check } from '../../src/cli/kubernetes/check/check.ts'
import { Cluster } from '../../src/cli/kubernetes/cluster/cluster.ts'
import { install } from '../../src/cli/kubernetes/install.ts'
import { uninstall } from '../../src/cli/kubernetes/uninstall.ts'
import { version } from '../../src/cli/version.ts'
import { startControlPlane, type ControlPlane } from '../../src/control/app.ts'
import { eventually } from '../support/mesh.ts'
import { findPrograms } from '../support/install/programs.ts'
import { freePorts, RealCluster } from '../support/install/real-cluster.ts'

t.setTimeout(120_000)
const root = resolve(import.meta.dirname, '../..')
const found = findPrograms('etcd', 'kube-apiserver', 'kubectl', 'helm')
if ('missing' in found) {
  t.pass('skipped', { skip: found.missing })
} else {
  const { programs } = found
  const { kubectl } = programs
  const [webhookPort] = await freePorts(1)
  const real = await RealCluster.start(t, found)
  process.env['KUBECONFIG'] = real.kubeconfig
  const loopback = { host: '127.0.0.1', port: 0 }

  /** What a command prints for kubectl, and tells people. */
  const printed = async (
    run: (output: {
      output: (text: string) => Promise<void>
      report: (line: string) => void
    }) => Promise<number>,
  ) => {
    let text = ''
    const told: string[] = []
    await run({ output: async part => void (text += part), report: line => void told.push(line) })
    return { text, told }
  }

  /** `kind namespace/name` of everything that the cluster holds. */
  const everything = async (): Promise<string[]> => {
    interface Served {
      readonly resources: readonly {
        readonly name: string
        readonly kind: string
        readonly verbs: readonly string[]
      }[]
    }
    await using cluster = await Cluster.open({ kubectl })
    const groups = await cluster.get<{
      groups: { preferredVersion: { groupVersion: string } }[]
    }>('/apis')
    const roots = [
      '/api/v1',
      ...(groups?.groups ?? []).map(group => `/apis/${group.preferredVersion.groupVersion}`),
    ]
    const names: string[] = []
    for (const path of roots) {
      const served = await cluster.get<Served>(path)
      for (const { name, kind, verbs } of served?.resources ?? []) {
        if (!verbs.includes('list') || kind === 'Event') continue
        for (const { metadata } of await cluster.list(`${path}/${name}`))
          names.push(`${kind} ${metadata.namespace ?? ''}/${metadata.name}`)
      }
    }
    return names.toSorted()
  }

  const before = await everything()
  /** What is there now and was not before; without controllers a namespace never ends. */
  const left = async (): Promise<string[]> =>
    (await everything()).filter(
      name => !before.includes(name) && !/^(Namespace \/|\w+ kube-system\/apiserver-)/.test(name),
    )

  t.test('the chart can be installed, and leaves nothing behind', async t => {
    const helm = (...args: string[]) =>
      execFileSync(programs.helm, [...args, '--namespace=weft-system'], {
        encoding: 'utf8',
        stdio: 'pipe',
      })
    const notes = helm('install', 'weft', `${root}/deploy/helm/weft`, '--create-namespace')
    t.match(notes, /weft check/)
    t.ok((await left()).includes('Deployment weft-system/weft-control'))
    helm('uninstall', 'weft', '--wait=false')
    t.same(await eventually(left, names => names.length === 0), [])
  })

  t.test('what is printed applies as it is, and again without a change', async t => {
    const { text } = await printed(output => install({ kubectl }, output))
    writeFileSync(join(real.folder, 'install.yaml'), text)
    const apply = () =>
      spawnSync(kubectl, ['apply', '-f', join(real.folder, 'install.yaml')], { encoding: 'utf8' })
    const first = apply()
    t.equal(first.status, 0)
    // The namespace is that of the chart before.
    t.notMatch(first.stderr.replace(/^.*namespaces\/weft-system is missing.*$/gm, ''), /Warning/)
    const again = apply().stdout.trim().split('\n')
    // kubectl cannot tell for this one: its selector is replaced, never merged.
    const changed = again.filter(line => !/ unchanged$|^poddisruptionbudget/.test(line))
    t.same(changed, [])
    t.equal(again.length, 13 + customResources.length)
    await real.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s')
  })

  t.test('the API server refuses what is no policy, and says where', async t => {
    const policy = (spec: object) =>
      real.pipe(
        JSON.stringify({
          apiVersion: 'weft.dev/v1alpha1',
          kind: 'TrafficPolicy',
          metadata: { name: 'bad' },
          spec: { targetRef: { name: 'orders' }, ...spec },
        }),
        'apply',
      )
    await t.rejects(policy({ retri: {} }), /unknown field "spec\.retri"/)
    await t.rejects(
      policy({ retry: { grpcStatuses: ['LOST'] } }),
      /spec\.retry\.grpcStatuses\[0\]: Unsupported value/,
    )
    await t.rejects(policy({ connectTimeout: '5 seconds' }), /spec\.connectTimeout/)
    await t.rejects(
      policy({ circuitBreaker: { failureRatio: 1.5 } }),
      /failureRatio.*less than or equal to 1/,
    )
  })

  t.test('a misspelt field of what guards is kept, for the control plane to see', async t => {
    const rules = [{ form: [{ serviceAccounts: ['web'] }] }]
    const policy = {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'misspelt' },
      spec: { action: 'allow', rules },
    }
    await real.pipe(JSON.stringify(policy), 'apply', '--validate=ignore')
    const stored = await real.kubectl('get', 'authorizationpolicy', 'misspelt', '-o', 'json')
    t.strictSame((JSON.parse(stored) as typeof policy).spec.rules, rules)
    await real.kubectl('delete', 'authorizationpolicy', 'misspelt')
  })

  t.test('the API server takes what a file may hold', async t => {
    const file = readFileSync(join(root, 'config/mesh.yaml'), 'utf8')
    const objects = parseAllDocuments(file)
      .map(document => document.toJS() as { kind: string; metadata: { namespace?: string } })
      // Gateway API is not installed here; of Meshes that in weft-system counts.
      .filter(({ kind }) => kind !== 'HTTPRoute')
      .map(object => ({
        ...object,
        metadata: {
          ...object.metadata,
          ...(object.kind === 'Mesh' && { namespace: 'weft-system' }),
        },
      }))
    const list = { apiVersion: 'v1', kind: 'List', items: objects }
    const lines = (await real.pipe(JSON.stringify(list), 'apply')).trim().split('\n')
    t.equal(lines.length, objects.length)
  })

  let control: ControlPlane | undefined
  t.teardown(() => control?.close())
  const log: string[] = []

  t.test('its role is enough for the control plane, and for no more', async t => {
    const account = 'system:serviceaccount:weft-system:weft-control'
    const may = async (...args: string[]) =>
      spawnSync(kubectl, ['auth', 'can-i', `--as=${account}`, ...args], {
        encoding: 'utf8',
      }).stdout.trim()
    t.equal(await may('get', 'secrets/weft-ca', '-n', 'weft-system'), 'yes')
    for (const asked of [
      ['get', 'secrets', '-n', 'weft-system'],
      ['get', 'secrets/other', '-n', 'weft-system'],
      ['list', 'secrets', '-A'],
      ['delete', 'pods', '-A'],
      ['create', 'pods', '-n', 'weft-system'],
      ['patch', 'services', '-A'],
      ['patch', 'configmaps/other', '-n', 'default'],
      ['patch', 'mutatingwebhookconfigurations/other'],
    ])
      t.equal(await may(...asked), 'no', asked.join(' '))

    await real.kubectl('create', 'namespace', 'shop')
    await real.kubectl('label', 'namespace', 'shop', 'weft.dev/inject=enabled')
    await real.kubectl('create', 'serviceaccount', 'default', '-n', 'shop')
    const token = await real.kubectl('create', 'token', 'weft-control', '-n', 'weft-system')
    writeFileSync(join(real.folder, 'token'), token)
    const lines = new Writable({
      write(chunk: Buffer, _encoding, callback) {
        log.push(chunk.toString())
        callback()
      },
    })
    control = await startControlPlane(
      {
        stateDirectory: join(real.folder, 'state'),
        trustDomain: 'weft.local',
        push: loopback,
        admin: loopback,
        leaseMs: 30_000,
        kubernetes: {
          namespace: 'weft-system',
          replica: 'weft-control-0',
          server: real.server,
          tokenFile: join(real.folder, 'token'),
          caFile: real.caFile,
          webhook: { host: '127.0.0.1', port: webhookPort },
        },
      },
      { logger: pino({ level: 'info' }, lines), version },
    )
    const accepted = async () => {
      const args = ['get', 'weft', '-A', '-o', 'jsonpath={.items[*].status.conditions[0].status}']
      return (await real.kubectl(...args)).split(' ').filter(status => status === 'True').length
    }
    t.equal(await eventually(accepted, count => count === 7), 7)
    const bundle = () => real.kubectl('get', 'configmap', '-n', 'shop', '-o', 'name')
    await eventually(bundle, names => names.includes('weft-trust-bundle'))
    t.same(
      log.filter(line => /"status":403|"level":[456]0/.test(line)),
      [],
    )
  })

  t.test('pods are injected where a label asks for it, and nowhere else', async t => {
    interface Webhooks {
      readonly webhooks: { clientConfig: { url?: string; service?: object; caBundle?: string } }[]
    }
    const path = ['get', 'mutatingwebhookconfiguration', 'weft-injector'] as const
    const told = await eventually(
      () => real.json<Webhooks>(...path),
      ({ webhooks }) => webhooks.every(({ clientConfig }) => clientConfig.caBundle !== undefined),
    )
    // Services lead nowhere without nodes.
    const url = `https://127.0.0.1:${webhookPort}/inject`
    const patch = told.webhooks.map(({ clientConfig: { caBundle } }, index) => ({
      op: 'replace',
      path: `/webhooks/${index}/clientConfig`,
      value: { url, caBundle },
    }))
    const name = 'mutatingwebhookconfiguration'
    await real.kubectl('patch', name, 'weft-injector', '--type=json', '-p', JSON.stringify(patch))
    const sidecars = async (...args: string[]) => {
      const names = 'jsonpath={.spec.initContainers[*].name}'
      return real.kubectl('run', 'app', '--image=app', '--dry-run=server', '-o', names, ...args)
    }
    await real.kubectl('create', 'serviceaccount', 'default', '-n', 'default')
    t.equal(await eventually(() => sidecars('-n', 'shop'), Boolean), 'weft-proxy')
    t.equal(await sidecars('-n', 'shop', '-l', 'weft.dev/inject=false'), '')
    t.equal(await sidecars('-n', 'default'), '')
    t.equal(await sidecars('-n', 'default', '-l', 'weft.dev/inject=true'), 'weft-proxy')
    const service = told.webhooks[0]?.clientConfig.service
    t.strictSame(service, {
      name: 'weft-control',
      namespace: 'weft-system',
      path: '/inject',
      port: 443,
    })
    await real.kubectl('create', 'serviceaccount', 'default', '-n', 'weft-system')
    const system = ['-n', 'weft-system', '-l', 'weft.dev/inject=true']
    await t.rejects(sidecars(...system), /PodSecurity "restricted/)
  })

  t.test('once all runs, the check finds nothing that has failed', async t => {
    const ready = {
      status: { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 },
    }
    const deployment = ['deployment', 'weft-control', '-n', 'weft-system'] as const
    const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify(ready)]
    await real.kubectl('patch', ...deployment, ...patch)
    let text = ''
    const screen = {
      write: (part: string) => void (text += part),
      isTerminal: false,
      now: wallNow,
    }
    t.equal(await check({ kubectl }, screen), 0, text)
    for (const line of [
      '✓ API server: v1.34.0',
      '! Gateway API',
      `✓ CRDs: ${customResources.length}, of version ${version}`,
      '✓ leader: weft-control-0',
      '✓ certificate authority',
      '✓ injector: 2 webhooks, with the CA',
      '✓ configuration',
      '✓ labels of namespaces: 1 of 2 get sidecars',
      '✓ trust bundle',
    ])
      t.match(text, line)
    text = ''
    t.equal(await check({ kubectl, pre: true }, screen), 0, text)
  })

  t.test('uninstalled, nothing is left, while the control plane still tries', async t => {
    // What is of this test, and no part of the installation.
    const services = ['storefront', 'orders', 'orders-v1', 'orders-v2', 'payments']
    await real.kubectl('delete', 'service', '-n', 'default', ...services)
    for (const namespace of ['default', 'shop', 'weft-system'])
      await real.kubectl('delete', 'serviceaccount', 'default', '-n', namespace)
    await real.kubectl('label', 'namespace', 'shop', 'weft.dev/inject-')
    const { text, told } = await printed(output => uninstall({ kubectl }, output))
    t.same(told, [])
    log.length = 0
    await real.pipe(text, 'delete', '--ignore-not-found', '--wait=false')
    await real.kubectl('delete', 'namespace', 'shop', '--wait=false')
    // It has seen that its trust bundles are gone, and was not let.
    await eventually(
      () => log.join(''),
      lines => /Forbidden.*"what":"trust bundles"/.test(lines),
    )
    t.same(await eventually(left, names => names.length === 0), [])
  })
}
