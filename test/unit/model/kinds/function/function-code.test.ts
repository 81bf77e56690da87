import t from 'tap'
import { functionKind } from '../../../../../src/model/kinds/function/function.ts'
import { checkFaults, checkTaken } from '../../schemas.ts'

function withSpec(spec: object): object {
  return {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Function',
    metadata: { name: 'hello' },
    spec,
  }
}

const command = withSpec({ command: ['./run'], code: '.' })
const runtime = withSpec({ runtime: 'python3', code: '.' })
const server = withSpec({ command: ['./run'], code: '.', protocol: 'http', scale: { max: 1 } })

t.test('what a function says nothing of', async t => {
  const { spec } = functionKind.parse(command)
  t.match(spec, {
    protocol: 'lambda',
    handler: '',
    input: 'http',
    environment: {},
    secrets: {},
    memory: 128,
    timeout: 3000,
    initTimeout: 10_000,
    concurrency: 1,
    driver: 'process',
  })
  for (const field of ['runtime', 'port', 'image'] as const) t.equal(spec[field], undefined)
})

t.test('each field has its bounds', async t => {
  checkFaults(t, functionKind, command, [
    ['spec.command', [], /./],
    ['spec.command', ['./run', ''], /./, 'spec.command.1'],
    ['spec.command', 'run', /array/],
    ['spec.code', '', /./],
    ['spec.protocol', 'grpc', /lambda/],
    ['spec.input', 'json', /http/],
    ['spec.handler', 1, /string/],
    ['spec.memory', '0Mi', /must be a size such as 128Mi/],
    ['spec.memory', '128', /must be a size/],
    ['spec.memory', '1000000Mi', /must be a size/],
    ['spec.memory', '1.5Gi', /must be a size/],
    ['spec.memory', 128, /string/],
    ['spec.timeout', '15m1ms', /must not be over 15 minutes/],
    ['spec.timeout', '0s', /must be longer than 0s/],
    ['spec.timeout', 'soon', /is no duration/],
    ['spec.initTimeout', '0s', /must be longer than 0s/],
    ['spec.concurrency', 0, /1/],
    ['spec.concurrency', 1001, /1000/],
    ['spec.concurrency', 1.5, /int/],
    ['spec.environment', { '1a': '' }, /is no name of a variable/, 'spec.environment.1a'],
    ['spec.environment', { A: 1 }, /string/, 'spec.environment.A'],
    ['spec.secrets', { 'a b': 'file' }, /is no name of a variable/, 'spec.secrets.a b'],
    ['spec.image', '', /./],
    ['spec.commands', ['x'], /commands/, 'spec'],
  ])
  checkFaults(t, functionKind, server, [
    ['spec.port', 0, /1/],
    ['spec.port', 65_536, /65535/],
  ])
})

t.test('and is taken up to them', async t => {
  checkTaken(t, functionKind, command, [
    ['spec.timeout', '15m'],
    ['spec.timeout', '1ms'],
    ['spec.initTimeout', '1h'],
    ['spec.memory', '1Mi'],
    ['spec.memory', '999999Gi'],
    ['spec.concurrency', 1000],
    ['spec.environment', { _: '', A1: 'x' }],
    ['spec.secrets', { TOKEN: '/run/secret' }],
    ['spec.input', 'cloudevent'],
  ])
})

t.test('a runtime has one of the names that AWS gives', async t => {
  const known = ['python3', 'python3.9', 'python3.14', 'nodejs', 'nodejs22', 'nodejs22.x']
  const provided = ['provided', 'provided.al2', 'provided.al2023']
  checkTaken(
    t,
    functionKind,
    runtime,
    [...known, ...provided].map(name => ['spec.runtime', name] as const),
  )
  for (const name of ['python', 'python2.7', 'Python3', 'nodejs22.y', 'provided.', 'go1.x', ''])
    checkFaults(t, functionKind, runtime, [['spec.runtime', name, /must be python3/]])
})

t.test('what runs is said once, and where', async t => {
  checkFaults(t, functionKind, command, [
    ['spec.command', undefined, /give either a runtime or a command/, 'spec.runtime'],
    ['spec.runtime', 'python3', /give either a runtime or a command/],
    ['spec.code', undefined, /is needed: the directory/],
    ['spec.driver', 'oci', /is needed by this driver/, 'spec.image'],
  ])
  checkFaults(t, functionKind, runtime, [
    ['spec.protocol', 'http', /a runtime speaks `lambda`/, 'spec.protocol'],
  ])
  checkFaults(t, functionKind, withSpec({ command: ['x'], code: '.', scale: { max: 1 } }), [
    ['spec.port', 8080, /is for `http`/],
  ])
})

t.test('a port of its own is for one instance of this machine', async t => {
  checkTaken(t, functionKind, server, [
    ['spec.port', 8080],
    ['spec.scale', { max: 10 }],
  ])
  const port = withSpec({
    command: ['./run'],
    code: '.',
    protocol: 'http',
    port: 1,
    scale: { max: 1 },
  })
  checkFaults(t, functionKind, port, [
    ['spec.scale.max', 2, /is taken by the first instance/, 'spec.port'],
  ])
})

t.test('what a container runs is in its image', async t => {
  const container = withSpec({ driver: 'docker', image: 'hello:1', scale: { zero: 'gone' } })
  checkFaults(t, functionKind, container, [
    ['spec.image', undefined, /is needed by this driver/],
    ['spec.scale.zero', 'stopped', /is `gone`/, 'spec.driver'],
  ])
  checkTaken(t, functionKind, container, [
    ['spec.command', ['./run']],
    ['spec.runtime', 'python3'],
  ])
})

t.test('what runs elsewhere only needs no code here', async t => {
  const far = { name: 'far', kind: 'http', url: 'https://far.example' }
  checkTaken(t, functionKind, withSpec({ placement: { backends: [far] } }), [
    ['spec.handler', 'main'],
  ])
  checkFaults(t, functionKind, withSpec({ code: '.', command: ['x'] }), [
    [
      'spec',
      { code: '.', placement: { backends: [far, { name: 'near', kind: 'local' }] } },
      /give either/,
      'spec.runtime',
    ],
  ])
})

t.test('a version has to fit with what it has from its function', async t => {
  const versions = 'spec.versions'
  checkFaults(t, functionKind, command, [
    [
      versions,
      [{ name: '1' }, { name: '2', runtime: 'python3', command: ['x'] }],
      /give either/,
      'spec.versions.1.runtime',
    ],
    [
      versions,
      [{ name: '1', runtime: 'python3', protocol: 'http' }],
      /a runtime speaks `lambda`/,
      'spec.versions.0.protocol',
    ],
    [
      versions,
      [{ name: '1', protocol: 'http', port: 80 }],
      /is taken by the first instance/,
      'spec.versions.0.port',
    ],
  ])
  checkFaults(t, functionKind, server, [
    [versions, [{ name: '1', runtime: 'python3' }], /a runtime speaks `lambda`/, 'spec.versions.0'],
  ])
  checkFaults(t, functionKind, withSpec({ command: ['x'], code: '.', scale: { max: 1 } }), [
    [versions, [{ name: '1', port: 80 }], /is for `http`/, 'spec.versions.0.port'],
  ])
  checkTaken(t, functionKind, command, [
    [versions, [{ name: '1', runtime: 'python3' }]],
    [versions, [{ name: '1', command: ['./other'], protocol: 'http' }]],
  ])
  checkTaken(t, functionKind, runtime, [[versions, [{ name: '1', command: ['./run'] }]]])
})

t.test('versions that run at the same time don’t listen on one port', async t => {
  const spec = { command: ['x'], code: '.', protocol: 'http', port: 80, scale: { max: 1 } }
  checkFaults(t, functionKind, withSpec(spec), [
    ['spec.versions', [{ name: '1' }], /is taken by another version/, 'spec.versions.0'],
    [
      'spec.versions',
      [
        { name: '1', port: 81 },
        { name: '2', port: 81 },
      ],
      /is taken by another version/,
      'spec.versions.1.port',
    ],
  ])
  checkTaken(t, functionKind, withSpec(spec), [['spec.versions', [{ name: '1', port: 81 }]]])
})
