import t, { type Test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { install, type InstallFlags } from '../../../../src/cli/kubernetes/install.ts'

/** Without a cluster: there is no such kubectl. */
async function run(flags: InstallFlags) {
  let text = ''
  const told: string[] = []
  const output = {
    output: async (printed: string): Promise<void> => void (text += printed),
    report: (line: string): void => void told.push(line),
  }
  const code = await install({ kubectl: '/nonexistent/kubectl', ...flags }, output)
  const objects = parseAllDocuments(text).map(document => document.toJS() as { kind: string })
  return { code, told, objects, text }
}

t.test('without a cluster it says which DNS it assumes, and how to say another', async t => {
  const { code, told, text } = await run({})
  t.equal(code, 0)
  t.match(told, [
    /^DNS of the cluster: 10\.96\.0\.10, a guess.*there is no \/nonexistent\/kubectl.*--cluster-dns/,
  ])
  t.match(text, / {4}clusterDns:\n {6}- 10\.96\.0\.10/)
})

t.test('options go before files, and --set before options', async t => {
  const folder = t.testdir({
    'one.yaml': 'replicas: 3\ntrustDomain: one.example\ninjection: { logLevel: warn }\n',
    'empty.yaml': '',
  })
  const { told, text } = await run({
    values: [`${folder}/one.yaml`, `${folder}/empty.yaml`],
    trustDomain: 'two.example',
    clusterDns: ['10.43.0.10'],
    mode: 'transparent',
    replicas: '4',
    set: { replicas: 5 },
  })
  t.strictSame(told, [])
  t.match(text, 'minReplicas: 5')
  t.match(text, '--trust-domain=two.example')
  for (const line of ['logLevel: warn', 'mode: transparent', '- 10.43.0.10']) t.match(text, line)
})

t.test('CRDs alone need no cluster', async t => {
  const { told, objects } = await run({ crdsOnly: true })
  t.strictSame(told, [])
  t.same(new Set(objects.map(({ kind }) => kind)), new Set(['CustomResourceDefinition']))
})

async function refused(t: Test, flags: InstallFlags, message: RegExp): Promise<void> {
  await t.rejects(run(flags), { name: 'CommandError', exitCode: 2, message })
}

t.test('all wrong settings are named at once, and nothing is printed', async t => {
  const set = { networkPolicy: 'no', injection: { mode: 'magic' }, foo: 1 }
  await refused(
    t,
    { set, replicas: 'many' },
    /replicas:[^]*networkPolicy:[^]*injection\.mode:[^]*"foo"/,
  )
})

t.test('a file of values that cannot be used is named', async t => {
  const folder = t.testdir({ 'list.yaml': '- 1\n', 'broken.yaml': 'a: [1\n' })
  await refused(t, { values: [`${folder}/list.yaml`] }, /list\.yaml: expected fields/)
  await refused(t, { values: [`${folder}/broken.yaml`] }, /broken\.yaml: /)
  await refused(t, { values: [`${folder}/none.yaml`] }, /none\.yaml: ENOENT/)
})
