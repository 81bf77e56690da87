import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Command } from 'commander'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { addInject } from '../../../../src/cli/kubernetes/inject.ts'
import { version } from '../../../../src/cli/version.ts'

interface Outcome {
  readonly code: number | undefined
  readonly output: string
  readonly report: string[]
}

/** What `weft inject` with these arguments prints, and its exit code. */
async function inject(
  argv: readonly string[],
  input = '',
  printed: string[] = [],
): Promise<Outcome> {
  let code: number | undefined
  const report: string[] = []
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  const finish = (given: number): void => {
    code = given
  }
  addInject(program, finish, {
    input: Readable.from([Buffer.from(input)]),
    output: async text => void printed.push(text),
    report: line => report.push(line),
  })
  for (const command of program.commands) command.copyInheritedSettings(program)
  await program.parseAsync(['inject', ...argv], { from: 'user' })
  return { code, output: printed.join(''), report }
}

function workload(kind: string, name: string, spec = ''): string {
  return `apiVersion: apps/v1
kind: ${kind}
metadata: {name: ${name}}
spec:
  template:
    spec:
      ${spec === '' ? '' : `${spec}\n      `}containers:
      - name: app # ours
        image: app:1
`
}

function kindsOf(text: string): unknown[] {
  return parseAllDocuments(text).map(document => document.get('kind'))
}

t.test('manifests come out injected, and each workload is reported', async t => {
  const text = `kind: Service\napiVersion: v1\n---\n${workload('Deployment', 'orders')}---\n${workload('DaemonSet', 'agent', 'hostNetwork: true')}`
  const folder = t.testdir({ 'app.yaml': text })
  const { code, output, report } = await inject(['-f', join(folder, 'app.yaml')])
  t.equal(code, 0)
  t.same(report, ['deployment/orders injected', 'daemonset/agent skipped: hostNetwork'])
  t.match(output, `image: "weft:${version}"`)
  t.match(output, '- name: app # ours')
  t.same(kindsOf(output), ['Service', 'Deployment', 'DaemonSet'])
})

t.test('the second run changes nothing, and undoing gives back what there was', async t => {
  const folder = t.testdir({ 'app.yaml': workload('Deployment', 'orders') })
  const file = join(folder, 'app.yaml')
  const once = await inject(['-f', file])
  writeFileSync(file, once.output)
  const twice = await inject(['-f', file])
  t.equal(twice.output, once.output)
  t.same(twice.report, ['deployment/orders unchanged'])
  const back = await inject(['-f', file, '--uninject'])
  t.equal(back.output, workload('Deployment', 'orders'))
  t.same(back.report, ['deployment/orders uninjected'])
})

t.test('a folder is read in the order of its names, as one stream of documents', async t => {
  const folder = t.testdir({
    'b.json': JSON.stringify({ apiVersion: 'v1', kind: 'Secret' }),
    'a.yml': workload('StatefulSet', 'db'),
    'c.yaml': `---\n${workload('Deployment', 'web')}`,
    'notes.md': '# none',
  })
  const { output, report } = await inject(['-f', folder])
  t.same(kindsOf(output), ['StatefulSet', 'Secret', 'Deployment'])
  t.same(report, ['statefulset/db injected', 'deployment/web injected'])
  t.same(
    parseAllDocuments(output).flatMap(({ errors }) => errors),
    [],
  )
})

t.test('- is standard input', async t => {
  const { report } = await inject(['-f', '-'], workload('Deployment', 'piped'))
  t.same(report, ['deployment/piped injected'])
})

t.test('options say what the sidecars are like', async t => {
  const folder = t.testdir({ 'app.yaml': workload('Deployment', 'orders') })
  const options =
    '--mode transparent --image r/weft:9 --control-plane cp.example:99 --trust-domain a.b -n shop'
  const { output } = await inject(['-f', folder, ...options.split(' ')])
  for (const text of ['name: weft-init', 'r/weft:9', 'cp.example:99', 'value: a.b'])
    t.ok(output.includes(text), text)
  const dns = await inject(['-f', folder, '-n', 'shop', '--cluster-dns', '10.0.0.53'])
  t.ok(dns.output.includes('shop.svc.cluster.local'))
  t.ok(dns.output.includes('10.0.0.53:53'))
})

t.test('with any problem nothing is printed, so that no half gets into the cluster', async t => {
  const folder = t.testdir({
    'a.yaml': workload('Deployment', 'good'),
    'b.yaml': 'a: [\n',
    'c.yaml': workload('Deployment', 'taken', 'volumes: [{name: weft-state}]'),
  })
  const printed: string[] = []
  await t.rejects(inject(['-f', folder], '', printed), {
    name: 'CommandError',
    exitCode: 1,
    message:
      /b\.yaml:2:1 .*\n.*c\.yaml:7:18 spec\.template\.spec\.volumes\[0\]\.name: the name weft-state is taken/,
  })
  t.same(printed, [])
})

t.test('mistakes of the call are explained', async t => {
  const folder = t.testdir({ 'app.yaml': workload('Deployment', 'x'), empty: {} })
  await t.rejects(inject(['-f', folder, '--control-plane', 'nowhere', '--cluster-dns', 'x']), {
    exitCode: 2,
    message: /--control-plane: must be host:port\n--cluster-dns: must be an IP address/,
  })
  await t.rejects(inject(['-f', join(folder, 'empty')]), { message: /has no .yaml/ })
  await t.rejects(inject(['-f', join(folder, 'missing')]), { code: 'ENOENT' })
  await t.rejects(inject([]), { code: 'commander.missingMandatoryOptionValue' })
})

t.test('where there is no workload it says so', async t => {
  const text = 'kind: Service # untouched\napiVersion: v1\n'
  const { code, output, report } = await inject(['-f', t.testdir({ 'a.yaml': text })])
  t.match({ code, output }, { code: 0, output: text })
  t.same(report, ['no workload found: nothing was changed'])
})
