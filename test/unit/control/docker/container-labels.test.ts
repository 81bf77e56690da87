import t from 'tap'
import { isMeshLabel, readLabels } from '../../../../src/control/docker/container-labels.ts'

const minimal = { 'weft.service': 'orders', 'weft.port': '80' }

function problems(labels: Record<string, string>): string[] {
  const read = readLabels({ ...minimal, ...labels })
  return Array.isArray(read) ? read.map(({ label, message }) => `${label} ${message}`) : []
}

t.test('a container without labels of ours is nothing to us', async t => {
  t.equal(readLabels({ 'com.docker.compose.service': 'orders', weft: 'x' }), undefined)
  t.equal(readLabels({ 'weft.dev/function': 'echo.default' }), undefined)
  t.notOk(isMeshLabel('weft.dev/host'))
})

t.test('two labels are enough', async t => {
  t.strictSame(readLabels({ ...minimal, other: 'x' }), {
    service: 'orders',
    namespace: 'default',
    serviceAccount: 'orders',
    ports: [{ port: 80, target: 80, protocol: undefined }],
    labels: { app: 'orders', 'weft.dev/service': 'orders' },
    plain: false,
  })
})

t.test('all labels say what they are for', async t => {
  const read = readLabels({
    'weft.service': 'orders',
    'weft.namespace': 'shop',
    'weft.service-account': 'clerk',
    'weft.port': '80:8080, 9090',
    'weft.protocol': 'http,grpc',
    'weft.labels': 'version=v2, track=canary,example.com/x=,app=other',
    'weft.plain': 'true',
  })
  t.strictSame(read, {
    service: 'orders',
    namespace: 'shop',
    serviceAccount: 'clerk',
    ports: [
      { port: 80, target: 8080, protocol: 'http' },
      { port: 9090, target: 9090, protocol: 'grpc' },
    ],
    labels: {
      app: 'other',
      version: 'v2',
      track: 'canary',
      'example.com/x': '',
      'weft.dev/service': 'orders',
    },
    plain: true,
  })
  t.match(readLabels({ ...minimal, 'weft.port': 'none' }), { ports: { length: 0 } })
  const one = readLabels({ ...minimal, 'weft.port': '80,81', 'weft.protocol': 'tcp' })
  t.match(one, { ports: [{ protocol: 'tcp' }, { protocol: 'tcp' }] })
})

t.test('a misspelt label is told, with the name that was meant', async t => {
  t.match(problems({ 'weft.prot': 'http' }), [
    /^weft.prot unknown label; did you mean "weft.port"\?/,
  ])
  t.match(problems({ 'weft.colour': 'red' }), [/unknown label; known are weft.service, weft.port/])
  t.match(problems({ 'weft.servce': 'orders' }), [/did you mean "weft.service"/])
  t.ok(problems({ [`weft.${'x'.repeat(9999)}`]: '' }).join('').length < 300)
})

t.test('a malformed value is told, with one that would do', async t => {
  for (const port of ['', 'http', '0', '65536', '80:', ':80', '80:8080:1', '-1', '80,,81', '1e3'])
    t.match(
      problems({ 'weft.port': port }),
      [/^weft.port .* is no port; write 80:8080, or 80,9090, or none/],
      port,
    )
  t.match(problems({ 'weft.port': '80:1,80:2' }), [/gives a port twice/])
  const many = Array.from({ length: 17 }, (_, index) => 1000 + index).join(',')
  t.match(problems({ 'weft.port': many }), [/more than 16 ports/])
  t.match(problems({ 'weft.protocol': 'htpp' }), [/"htpp" is not known; write http, grpc or tcp/])
  t.match(problems({ 'weft.protocol': 'http,grpc' }), [/names 2 for 1 ports/])
  t.match(problems({ 'weft.plain': 'yes' }), [/is "yes"; it must be true or false/])
  for (const name of ['', 'Orders', '../x', 'a.b', 'x'.repeat(64), '__proto__', 'a/b'])
    t.match(problems({ 'weft.service': name, 'weft.service-account': 'x' }), [/^weft.service is /])
  t.match(problems({ 'weft.namespace': 'a/b' }), [/^weft.namespace is "a\/b"; it must be/])
  t.match(problems({ 'weft.service-account': 'a b' }), [/^weft.service-account is "a b"/])
  t.match(problems({ 'weft.labels': 'x'.repeat(1025) }), [/longer than 1024 characters/])
})

t.test('what is missing is told', async t => {
  t.match(readLabels({ 'weft.plain': 'true' }), [
    { label: 'weft.service', message: /is missing; it must be/ },
    { label: 'weft.service-account' },
    { label: 'weft.port', message: /is missing; give the port/ },
  ])
})

t.test('no label can make a workload what only the mesh makes', async t => {
  for (const key of ['weft.dev/function', 'weft.dev/service', 'x.weft.dev/y'])
    t.match(problems({ 'weft.labels': `${key}=a` }), [/can't be given by hand/], key)
  for (const pair of ['a', '=b', 'a b=c', 'a=b c', 'a/b/c=d', '__proto__=x', `a=${'x'.repeat(64)}`])
    t.match(problems({ 'weft.labels': pair }), [/is no label; write version=v2/], pair)
  const many = Array.from({ length: 33 }, (_, index) => `l${index}=x`).join(',')
  t.match(problems({ 'weft.labels': many }), [/more than 32/])
})
