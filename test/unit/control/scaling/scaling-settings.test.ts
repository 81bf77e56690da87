import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readScalingSettings } from '../../../../src/control/scaling/scaling-settings.ts'

const file = (t: Test, text: string): string =>
  join(t.testdir({ 'scaling.yaml': text }), 'scaling.yaml')

t.test('a file names drivers, in YAML or JSON', async t => {
  const yaml = `
docker:
  controlPlane: { host: control, port: 15012 }
  sidecar: { image: 'weft:1' }
kubernetes: { deployment: 'fn-{name}' }
`
  const settings = await readScalingSettings(file(t, yaml))
  t.match(settings, { docker: { instancesPerHost: 1 }, kubernetes: { deployment: 'fn-{name}' } })
  t.strictSame(await readScalingSettings(file(t, '{"process":{}}')), { process: {} })
})

t.test('all problems are named, with the file', async t => {
  const path = file(t, 'docker: { sidecar: {} }\nnomad: {}')
  await t.rejects(readScalingSettings(path), {
    message: new RegExp(
      `${path}: docker.controlPlane: .*\\n.*docker.sidecar.image: .*\\n.*nomad`,
      's',
    ),
  })
})
