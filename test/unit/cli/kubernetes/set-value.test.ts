import t from 'tap'
import { addSetting, mergeSettings } from '../../../../src/cli/kubernetes/set-value.ts'

t.test('a value is YAML, at the place that its dots lead to', async t => {
  t.strictSame(addSetting('networkPolicy=false'), { networkPolicy: false })
  t.strictSame(addSetting('injection.clusterDns=[10.0.0.10]'), {
    injection: { clusterDns: ['10.0.0.10'] },
  })
  t.strictSame(addSetting('nodeSelector.kubernetes\\.io/os=linux'), {
    nodeSelector: { 'kubernetes.io/os': 'linux' },
  })
  t.strictSame(addSetting('image=a=b'), { image: 'a=b' })
})

t.test('repeated, they come together, and the last one counts', async t => {
  const first = addSetting('autoscaling.enabled=true')
  const second = addSetting('autoscaling.maxReplicas=4', first)
  t.strictSame(addSetting('autoscaling.enabled=false', second), {
    autoscaling: { enabled: false, maxReplicas: 4 },
  })
})

t.test('lists are taken whole', async t => {
  t.strictSame(mergeSettings({ a: [1, 2], b: 1 }, { a: [3] }), { a: [3], b: 1 })
})

t.test('what is no setting is refused', async t => {
  for (const text of ['replicas', '=3', 'a..b=1', '__proto__.polluted=1', 'a.constructor.b=1'])
    t.throws(() => addSetting(text), { code: 'commander.invalidArgument' }, text)
  t.throws(() => addSetting('a=[1'), /is no YAML/)
  t.equal(Reflect.get({}, 'polluted'), undefined)
})
